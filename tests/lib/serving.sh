# A serve-production in the background, for tests/commands/*.sh that ask it something. Sourced behind tests/lib/tap.sh.
#
#   serve NAME OPTION...      on a free port; its output is in NAME.out and NAME.err, its address in $url, its process
#                             in $server; false where it does not start
#   adopt NAME                the same for the last background command, another server whose output is in NAME.out
#   ends CODE NAME            checks with what the last one that was served ends, after whatever was to end it
#   await COMMAND             until it says so, within a minute
#
# Whatever was served ends with the script.
servers='' server='' served=''
trap 'for server in $servers; do kill "$server" 2>/dev/null; done; wait; rm -rf "$scratch"' EXIT

serve() {
    local name=$1
    shift
    : >"$name.out"
    "$bin/serve-production" --port 0 --drain-seconds 0 "$@" >"$name.out" 2>"$name.err" &
    adopt "$name"
}

adopt() {
    local i
    served=$1
    server=$!
    servers="$servers $server"
    for i in $(seq 1800); do
        url=$(sed -n 's/^serving .* at //p' "$served.out")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}

ends() {
    wait "$server"
    is $? "$1" "$2" || comment "$(cat "$served.err")"
    servers=${servers% "$server"}
}

await() {
    local i
    for i in $(seq 1200); do
        eval "$1" && return
        sleep 0.05
    done
    return 1
}
