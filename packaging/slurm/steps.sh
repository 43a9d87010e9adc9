#!/usr/bin/env bash
# A run in steps as Slurm job arrays: every pass an array, the next one when all of it is done.
#   packaging/slurm/steps.sh PLAN correct R1.fq.gz R2.fq.gz -o c1.fq.gz c2.fq.gz
# BLOCKS=64 steps of a pass; SBATCH_OPTIONS="--time=2:00:00 --mem=4G" for every job. A pass that
# lost jobs is submitted again as it is: steps that are done end at once.
set -euo pipefail

plan=$1
shift
read -r -a options <<<"${SBATCH_OPTIONS:-}"
if [ -e "$plan/plan.json" ]; then
    next=$(dbgclean step "$plan")
else
    next=$(dbgclean plan -o "$plan" --blocks "${BLOCKS:-64}" "$@")
fi
while [ "$next" != done ]; do
    read -r pass steps <<<"$next"
    echo "$pass: $steps steps"
    for attempt in 1 2 3; do
        sbatch --wait --quiet --array="0-$((steps - 1))" --output="$plan/%x.%a.log" \
            --job-name="$pass" "${options[@]}" \
            --wrap="dbgclean step '$plan' '$pass' \$SLURM_ARRAY_TASK_ID -t 1 -q" && break
        echo "$pass: some of its steps failed (attempt $attempt); see $plan/$pass.*.log"
        [ "$attempt" -lt 3 ]
    done
    next=$(dbgclean step "$plan")
done
