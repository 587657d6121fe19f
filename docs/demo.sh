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

say "Two models of the same width: a 3-D CNN, and its twin that averages single frames. And the first with another seed."
submit --model r3d_tiny --data motions --name space-time --tag demo
video=$run
submit --model frame_tiny --data motions --name frames-only --tag demo
frames=$run
submit --model r3d_tiny --data motions --name space-time-again --set train.seed=1 --tag demo
again=$run

say "They train one after the other on this machine."
run arctl wait "$video" "$frames" "$again"

run arctl ls
run arctl curves "$video" "$frames" --metric val/top1
run arctl confusion "$frames"

say "Does it help to see the motion? Which classes does it help, and is it real?"
run arctl compare "$frames" "$video"

say "The same model with two seeds: is one of them better, or is that chance?"
run arctl compare "$video" "$again" --no-map

say "All three: the two seeds are one recipe, compared with the other."
run arctl compare "$frames" "$video" "$again" --no-map

say "The dashboard shows the same, live: cd $here, then .venv/bin/arctl of this checkout, or arctl if it is on your PATH."
