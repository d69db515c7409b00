# What the set-up scripts share: how they speak, wait and count. Sourced, not run.

say() { echo "deps: $*"; }
warn() { echo "deps: $*" >&2; }

# fail STATUS MESSAGE...
fail() {
    local status=$1
    shift
    warn "$*"
    exit "$status"
}

is_offline() {
    case ${OFFLINE:-0} in 0 | no) return 1 ;; esac
}

megabytes() {
    awk -v bytes="$1" 'BEGIN { if (bytes >= 1e9) printf "%.1f GB", bytes / 1e9; else printf "%.0f MB", bytes / 1e6 }'
}

# wait_for_lock FILE DESCRIPTOR: holds FILE until this script ends, however it ends. 8 and 9 are the descriptors in
# use; programs started meanwhile must not inherit them (8>&- 9>&-), or a daemon among them would hold the lock on.
wait_for_lock() {
    eval "exec $2>\"\$1\""
    if ! flock -n "$2"; then
        say "waiting for another run that holds $1"
        flock "$2"
    fi
}

# try TIMES COMMAND...: until it succeeds, with a growing pause (RETRY_PAUSE_S, 2 seconds, then twice that).
try() {
    local times=$1 pause=${RETRY_PAUSE_S:-2} attempt
    shift
    for attempt in $(seq "$times"); do
        "$@" && return
        [ "$attempt" -lt "$times" ] || break
        warn "try $attempt of $times failed; trying again in $pause s"
        sleep "$pause"
        pause=$((pause * 2))
    done
    return 1
}
