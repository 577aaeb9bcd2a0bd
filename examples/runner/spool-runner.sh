#!/bin/sh
# Takes jobs from a spool, one at a time, and leaves what came of each: spool-runner.sh SPOOL [once]
# Each command is run by a shell, with the rights and the secrets of whoever runs this.
set -u
spool=$1
mkdir -p "$spool/queue" "$spool/taken" "$spool/results"

# One at a time: what another one has begun would be taken for what was cut off.
exec 9<"$spool/taken"
flock -n 9 || { echo "$spool: a runner is at work here already; stop that one first" >&2; exit 1; }

# The folder is moved when it is complete; one without `exit_code` says that nobody knows what came of it.
leave() {
    mv -T "$spool/results/.$1" "$spool/results/$1"
}

# What was begun when this ended before: it may have been done, and is not done again.
for job in "$spool"/taken/*/; do
    id=$(basename "$job")
    if [ -d "$job" ] && [ ! -d "$spool/results/$id" ]; then
        rm -f "$spool/results/.$id/exit_code"
        mkdir -p "$spool/results/.$id"
        leave "$id"
    fi
done

while :; do
    for job in "$spool"/queue/*/; do
        id=$(basename "$job")
        # Whoever has moved it runs it.
        mv -T "$spool/queue/$id" "$spool/taken/$id" 2>/dev/null || continue
        made=$spool/results/.$id
        mkdir -p "$made"
        timeout "$(cat "$spool/taken/$id/timeout")" sh -c "$(cat "$spool/taken/$id/command")" \
            >"$made/output" 2>&1 </dev/null 9<&-
        echo $? >"$made/exit_code"
        leave "$id"
    done
    [ "${2-}" = once ] && exit 0
    sleep 1
done
