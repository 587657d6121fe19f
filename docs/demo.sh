#!/usr/bin/env bash
# The five-minute tour as a script: what `make demo` runs, on the local cluster, with real video files.
set -euo pipefail
here=${ARCTL_DEMO_DIR:-demo}

say() { printf '\n%s\n' "$*"; }
run() { # show a command as a person would type it, then run it
  printf '\n\033[1m$ %s\033[0m\n' "$*"
  "$@"
}
submit() { # the same for `arctl submit`; the run's name is left in $run
  printf '\n\033[1m$ arctl submit %s\033[0m\n' "$*"
  local said
  said=$(arctl submit "$@")
  printf '%s\n' "$said"
  run=${said%% *}
}

say "A workspace, and a real video data set: eight motions, each the time-reverse of another."
test -f "$here/arctl.yaml" || run arctl init "$here"
cd "$here"
run arctl data synth data/motions

say "Two models of the same width: a 3-D CNN, and its twin that averages single frames."
submit --model r3d_tiny --data motions --name space-time --tag demo
video=$run
submit --model frame_tiny --data motions --name frames-only --tag demo
frames=$run

say "They train one after the other on this machine."
run arctl wait "$video" "$frames"

run arctl ls
run arctl curves "$video" "$frames" --metric val/top1
run arctl confusion "$frames"
run arctl compare "$frames" "$video"

say "The dashboard shows the same, live: cd $here, then .venv/bin/arctl of this checkout, or arctl if it is on your PATH."
