#!/usr/bin/env bash
# The page at / needs nothing from elsewhere, what it asks for is there, and keys keep its figures.
. tests/lib/tap.sh
. tests/lib/serving.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
sim=sim:tau0_ms=1,alpha_ms=1
command -v curl >/dev/null || skip_all 'there is no curl'
cd "$scratch" || exit 1
"$bin/optimize-batch" --quiet --backend $sim --models hrnet --image-size 64 --batches 1,2,4 --output config.json >/dev/null 2>&1
serve_here() { serve server --config config.json --backend $sim "$@"; }
# code PATH [OPTION...]: the status of an answer.
code() {
    local path=$1
    shift
    curl --silent --output /dev/null --write-out '%{http_code}' "$@" "$url$path"
}

serve_here
ok $? 'it serves' || comment "$(cat server.err)"
curl --silent --dump-header head --output page.html "$url/"
head=$(tr -d '\r' <head)
like "$head" '^HTTP/1.1 200' 'there is a page'
like "$head" '^Content-Type: text/html; charset=utf-8$' 'of HTML'
like "$head" "^Content-Security-Policy: default-src 'none'; script-src 'nonce-[0-9a-f]{32}'; style-src 'nonce-[0-9a-f]{32}'" \
    'which browsers hold to what it carries'
like "$head" '^Cache-Control: no-store$' 'and do not keep'
nonce=$(sed -n "s/^Content-Security-Policy: .*script-src 'nonce-\([0-9a-f]*\)'.*/\1/p" <<<"$head")
is "$(grep -c "nonce=\"$nonce\"" page.html)" 2 'what runs in it has the number of its policy'

# --- it is whole
is "$(grep -E -o 'https?://[^ "'"'"'`)]*' page.html | sort -u)" 'http://www.w3.org/2000/svg' \
    'no address stands in it but the name of SVG'
unlike "$(cat page.html)" '<(script|img|iframe)[^>]* src=|<link[^>]* href="[^d]|@import|url\(' 'nothing is loaded from elsewhere'
unlike "$(cat page.html)" ' on[a-z]+="|javascript:|innerHTML|insertAdjacentHTML|\beval\(' 'and no text can become code'
is "$(grep -o '<[a-z]* [^>]*id="[a-z-]*"' page.html | grep -o 'id="[^"]*"' | sort | uniq -d)" '' 'no id is there twice'
missing=
for id in $(grep -o '\$("[a-z-]*")' page.html | sort -u | sed 's/.*"\(.*\)".*/\1/'); do
    grep -q "id=\"$id\"" page.html || missing="$missing $id"
done
is "$missing" '' 'every element that it looks for is there'
is "$(grep -o '<input[^>]*>' page.html | grep -v -c 'aria-label=\|id="file"\|id="threshold"')" 0 'inputs have labels'

# --- what it asks for is there
for path in $(grep -E -o '(ask\(|href=)"[a-z0-9]+"' page.html | sed 's/.*"\(.*\)"/\1/' | sort -u); do
    is "$(code "/$path")" 200 "/$path is there"
done
picture='{"inputs": [{"name": "image", "datatype": "UINT8", "shape": [1,1,1,3], "data": [1,2,3]}], "outputs": [{"name": "mask"}]}'
curl --silent --output answer --data "$picture" "$url/v2/models/hrnet/infer"
curl --silent --output answer --data '{' "$url/v2/models/hrnet/infer"
curl --silent --output status.json "$url/status"
is "$(json status.json server.ready)/$(json status.json server.polygons)" true/true 'its figures tell how the server is'
is "$(json status.json models.hrnet.ok)" 1 'and what was served'
is "$(json status.json errors.0.code)/$(json status.json errors.0.path)" 400/infer 'and the last errors'
missing=
for key in $(grep -E -o '\b[mx]\.[a-z0-9_]+' page.html | sort -u | sed 's/^..//; /^model$/d; /^loads$/d'); do
    [ "$(json status.json "models.hrnet.$key")" != null ] || missing="$missing $key"
done
is "$missing" '' 'each figure that it shows is among them'
curl --silent --output explain.json "$url/explain"
is "$(json explain.json kind)/$(json explain.json models.0.model)" explanation/hrnet 'an explanation is there'
like "$(json explain.json models.0.loads.0.parts)" '"mean_ms":.*"name":"queue"' 'with the parts of the latency'
kill "$server"
ends 0 'it ends well'

# --- with keys
echo 'page secret-of-the-page-1' >keys
echo 'figures secret-of-figures-1' >metrics-keys
serve_here --keys keys --metrics-keys metrics-keys
ok $? 'it serves with keys' || comment "$(cat server.err)"
is "$(code /)" 200 'the page itself needs none: it has no figures'
for path in /status /explain; do
    is "$(code $path)" 401 "$path needs one"
    is "$(code $path -H 'Authorization: Bearer secret-of-figures-1')" 200 'that of metrics'
done
is "$(code /v2/models/hrnet/infer --data "$picture")" 401 'trying it needs one'
is "$(code /v2/models/hrnet/infer --data "$picture" -H 'Authorization: Bearer secret-of-the-page-1')" 200 'that of inference'
kill "$server"
ends 0 'it ends well'
done_testing
