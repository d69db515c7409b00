# A serve-production in the background, for tests/commands/*.sh that ask it something. Sourced behind tests/lib/tap.sh.
#
#   serve NAME OPTION...      on a free port; its output is in NAME.out and NAME.err, its address in $url, its process
#                             in $server; false where it does not start
#
# Whatever was served ends with the script.
servers=''
trap 'for server in $servers; do kill "$server" 2>/dev/null; done; wait; rm -rf "$scratch"' EXIT

serve() {
    local name=$1 i
    shift
    "$bin/serve-production" --port 0 --drain-seconds 0 "$@" >"$name.out" 2>"$name.err" &
    server=$!
    servers="$servers $server"
    for i in $(seq 600); do
        url=$(sed -n 's/^serving .* at //p' "$name.out")
        [ -z "$url" ] || return 0
        kill -0 "$server" 2>/dev/null || return 1
        sleep 0.1
    done
    return 1
}
