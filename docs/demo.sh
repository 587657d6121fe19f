#!/usr/bin/env bash
# The five-minute tour as a script: what `make demo` runs, on the local cluster, with real video files.
set -euo pipefail
here=${ARCTL_DEMO_DIR:-demo}

run() { # show a command as a person would type it, then run it
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}
say() { printf '\n%s\n' "$*"; }

say "A workspace, and a real video data set: eight motions, each the time-reverse of another."
test -f "$here/arctl.yaml" || run arctl init "$here"
cd "$here"
run arctl data synth data/motions

say "Two models of the same width: a 3-D CNN, and its twin that averages single frames."
run arctl submit --model r3d_tiny --data motions --name space-time --tag demo | tee .submitted
video=$(awk '{print $1; exit}' .submitted)
run arctl submit --model frame_tiny --data motions --name frames-only --tag demo | tee .submitted
frame=$(awk '{print $1; exit}' .submitted)
rm -f .submitted

say "They train one after the other on this machine."
run arctl wait "$video" "$frame"

run arctl ls
run arctl curves "$video" "$frame" --metric val/top1
run arctl confusion "$frame"
run arctl compare "$frame" "$video"

say "Now open the dashboard:  cd $here && ${VIRTUAL_ENV:+}arctl"
