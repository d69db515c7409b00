# Test functions for tests/commands/*.sh, which speak TAP. Sourced from the repository's root.
#
#   . tests/lib/tap.sh
#   plan 3
#   run build/bin/show-batch-config --config absent.json
#   exits 2 'an absent config is bad input'
#   says_error 'absent\.json' 'the file is named'
#   is "$out" '' 'nothing on standard output'
#
# `run` puts what a command did into $status, $out and $err. A failed check prints, as TAP comments, what was expected
# and what came; the script goes on. $scratch is a folder of this script's own, gone when it ends; $bin is where the
# programs under test are. A check's last argument names it: write the promise that it checks.
set -u
unset COLUMNS # how wide what is printed may be
bin=${O:-build}/bin
scratch=$(mktemp -d "${TMPDIR:-/tmp}/batchtune-test.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
tap_count=0 tap_failed=0 tap_planned='' tap_command='' out='' err='' status=0

# plan N: how many checks there will be. done_testing at the end does as well, where the number is not known.
plan() {
    tap_planned=$1
    echo "1..$1"
}

done_testing() {
    [ -n "$tap_planned" ] || echo "1..$tap_count"
}

# skip_all WHY: the whole script has nothing to check on this machine.
skip_all() {
    echo "1..0 # SKIP $*"
    exit 0
}

# skip WHY [N]: counts N checks (1) as skipped.
skip() {
    local i
    for i in $(seq "${2:-1}"); do
        tap_count=$((tap_count + 1))
        echo "ok $tap_count # SKIP $1"
    done
}

# run COMMAND...: sets $status, $out, $err. Standard input is empty; RUN_TIMEOUT_S (120) bounds it, status 124 then.
run() {
    tap_command=$*
    timeout --foreground -k 5 "${RUN_TIMEOUT_S:-120}" "$@" >"$scratch/.out" 2>"$scratch/.err" </dev/null
    status=$?
    out=$(cat "$scratch/.out") err=$(cat "$scratch/.err")
}

# run_shell TEXT: the same for a line of shell, pipes included.
run_shell() {
    run bash -c "$1"
    tap_command=$1
}

# ok STATUS NAME, after a test of one's own: [ -s "$file" ]; ok $? 'the file is written'
ok() {
    tap_count=$((tap_count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $tap_count - $2"
        return 0
    fi
    tap_failed=$((tap_failed + 1))
    echo "not ok $tap_count - $2"
    return 1
}

# is GOT WANTED NAME
is() {
    [ "$1" = "$2" ]
    ok $? "$3" || {
        comment "wanted: $2"
        comment "   got: $1"
    }
}

# like TEXT PATTERN NAME: some line of TEXT matches the extended regular expression. unlike: none does.
like() {
    printf '%s\n' "$1" | grep -E -q -e "$2"
    ok $? "$3" || {
        comment "nothing matches: $2"
        comment "in: ${1:-(empty)}"
    }
}

unlike() {
    ! printf '%s\n' "$1" | grep -E -q -e "$2"
    ok $? "$3" || {
        comment "matches: $2"
        comment "in: $1"
    }
}

# Of the last `run`. exits STATUS NAME
exits() {
    [ "$status" = "$1" ]
    ok $? "$2" || {
        comment "wanted: exit status $1, got $status, from: $tap_command"
        [ -z "$out" ] || comment "standard output: $(printf '%s\n' "$out" | tail -n 20)"
        [ -z "$err" ] || comment "standard error: $(printf '%s\n' "$err" | tail -n 20)"
    }
}

# says PATTERN NAME: on standard output.  says_error PATTERN NAME: on standard error.
says() { like "$out" "$1" "$2"; }
says_error() { like "$err" "$1" "$2"; }

# refuses PATTERN NAME: exit status 2, nothing on standard output but the verdict, and one line on standard error that
# matches.
refuses() {
    [ "$status" = 2 ] && { [ -z "$out" ] || [ "$out" = 'verdict: bad-input (2)' ]; } && [ "$(printf '%s\n' "$err" | wc -l)" = 1 ] &&
        printf '%s\n' "$err" | grep -E -q -e "$1"
    ok $? "$2" || {
        comment "wanted: exit status 2 and one line on standard error that matches $1; from: $tap_command"
        comment "status: $status"
        comment "standard output: $(printf '%s\n' "$out" | head -n 20)"
        comment "standard error: $(printf '%s\n' "$err" | head -n 20)"
    }
}

# json FILE FILTER: prints what a dotted path of a JSON file leads to: json config.json .settings.p95_sla_ms
json() {
    perl -MJSON::PP -0777 -e '
        my ($file, $path) = @ARGV;
        open my $in, "<", $file or die "$file: $!\n";
        my $value = JSON::PP->new->allow_nonref->canonical->decode(<$in>);
        for my $step (grep { length } split /\./, $path) {
            $value = ref $value eq "ARRAY" ? $value->[$step] : ref $value eq "HASH" ? $value->{$step} : undef;
        }
        print JSON::PP::is_bool($value) ? ($value ? "true" : "false") : ref $value ? JSON::PP->new->canonical->encode($value)
            : defined $value ? $value : "null", "\n"' "$1" "$2"
}

# find_python: sets $python to one that has numpy, as set-up probed for it; fails where there is none.
find_python() {
    for python in ${PYTHON:-} python3 /usr/bin/python3; do
        "$python" -c 'import numpy' 2>/dev/null && return
    done
    return 1
}

# find_python_with MODULE: sets $python to one that has numpy and the module: that of `make deps-python`, that of
# `make deps-clients`, or find_python's.
find_python_with() {
    local import="import numpy, $1"
    for python in tools/setup/torch-python tools/setup/client-python; do
        "$python" -c "$import" 2>/dev/null && return
    done
    find_python && "$python" -c "$import" 2>/dev/null
}

# tap: lines of TAP from another program, on standard input, counted on with this script's own.
tap() {
    local line
    while IFS= read -r line; do
        case $line in
        'ok '*' # SKIP '*) skip "${line#* # SKIP }" ;;
        'ok '*) ok 0 "${line#ok * - }" ;;
        'not ok '*) ok 1 "${line#not ok * - }" ;;
        1..*) ;;
        *) comment "$line" ;;
        esac
    done
}

# comment TEXT: for whoever reads a failure.
comment() { printf '%s\n' "$*" | sed 's/^/# /'; }
