#!/usr/bin/env bash
# segment-image from its command line: what it finds on drawn spheroids, what it writes where, and what it says to bad input.
. tests/lib/tap.sh
case $bin in /*) ;; *) bin=$PWD/$bin ;; esac
program=$bin/segment-image
images=$PWD/tests/images
draw=${bin%/bin}/tests/draw-spheroids
cd "$scratch" || exit 1
sim=sim:tau0_ms=1,alpha_ms=1

# draw_picture SEED SIZE NAME: NAME.png, and its true mask NAME.mask (a byte a pixel).
draw_picture() {
    mkdir -p drawn
    "$draw" --seed "$1" --size "$2" --output drawn && mv drawn/0.png "$3.png"
    "$draw" --seed "$1" --size "$2" | tail -c $(($2 * $2)) >"$3.mask"
}
# agreement JSON MASK: IoU of all polygons with the true mask, filled as any reader would.
agreement() {
    python3 - "$1" "$2" <<'END'
import json, sys
found = json.load(open(sys.argv[1]))
height, width = found["height"], found["width"]
truth = open(sys.argv[2], "rb").read()
inside = bytearray(height * width)
for polygon in found["polygons"]:
    for y in range(height):
        marks = [0] * (width + 1)
        for ring in [polygon["points"]] + polygon["holes"]:
            for (ax, ay), (bx, by) in zip(ring, ring[1:] + ring[:1]):
                if (ay > y) != (by > y):
                    marks[-int(-(ax + (y - ay) * (bx - ax) / (by - ay)) // 1)] ^= 1
        now = 0
        for x in range(width):
            now ^= marks[x]
            inside[y * width + x] |= now
both = sum(a and b for a, b in zip(inside, truth))
print(int(100 * both / sum(1 for a, b in zip(inside, truth) if a or b)))
END
}

# --- real masks
draw_picture 5 128 cell
run "$program" --backend plan --image cell.png --image-size 128 --output found/polygons.json --overlay cell-overlay.png
if [ "$status" = 2 ] && printf '%s\n' "$err" | grep -q 'oneDNN\|AVX2'; then
    skip 'the CPU plan does not run here' 17
else
    exits 0 'a picture is segmented without libtorch, by the demo weights'
    is "$out" 'verdict: good (0)' 'standard output has the verdict alone'
    says_error '^[0-9]+ regions? on [0-9.]+ % of the picture, confidence 0\.[0-9]+' 'one line tells what was found'
    iou=$(agreement found/polygons.json cell.mask)
    [ "${iou:-0}" -ge 80 ]
    ok $? "its polygons agree with the truth (IoU $iou %)"
    is "$(json found/polygons.json .image)" cell.png 'the file names the picture'
    is "$(json found/polygons.json .metadata.inference_mode)" production_optimized 'and how it was served'
    is "$(json found/polygons.json .metadata.batch_size)" 1 'in a batch of one'
    like "$(json found/polygons.json .metadata.p95_latency_ms)" '^[0-9.]+$' 'with the P95 latency'
    is "$(json found/polygons.json .metadata.weights)" demo 'and the weights'
    is "$(json found/polygons.json .metadata.outlines)" 'through pixel centres' "and where outlines run"
    is "$(od -An -tx1 -j1 -N3 cell-overlay.png | tr -d ' ')" 504e47 'the overlay is a PNG'
    cmp -s cell.png cell-overlay.png
    is $? 1 'and not the picture itself'
    cp found/polygons.json first.json
    run "$program" --backend plan --image cell.png --image-size 128 --output found/polygons.json --min-area-px 100000
    is "$(json found/polygons.json .polygons)" '[]' 'regions below the least area are left out'
    run "$program" --backend plan --image cell.png --image-size 128 --output again.json --threshold 0.99
    [ "$(agreement again.json cell.mask)" -lt "$iou" ]
    ok $? 'a threshold is taken'
    run "$program" --backend plan --image cell.png --image-size 128 --output again.json --precision fp32
    is "$(json again.json .metadata.precision)" fp32 'a precision is taken'
    run "$program" --backend plan --image cell.png --image-size 128 --output again.json --precision int8
    exits 2 'INT8 without a calibration is refused'
    says_error 'INT8 wants a calibration of hrnet, which tuning makes' 'with what makes one'
fi
raced() {
    printf '{"schema_version": 1, "settings": {"backend": "plan", "device": "cpu"}, "configurations": {"hrnet": {'
    printf '"optimal_batch_size": 1, "image_size": 128, "precision": "%s", "precision_reason": "it won"%s}}}' "$1" "${2:-}"
}
raced fp16 >elsewhere.json
run "$program" --config elsewhere.json --image cell.png --output again.json
exits 2 'a config in a precision that this machine has not is refused'
says_error 'hrnet was tuned in FP16, which it cannot run in here: tune it here with optimize-batch' 'with what to do'
mkdir moved
raced int8 ', "calibration": "left-behind.json"' >moved/config.json
run "$program" --config moved/config.json --image cell.png --output again.json
exits 2 'so is a config in INT8 without its calibration'
says_error 'moved/left-behind\.json: there is no such file, and INT8 wants it: tune hrnet here' 'which is named'

# --- standard output
run "$program" --backend $sim --image cell.png --image-size 64 --quiet
exits 0 'polygons go to standard output where no file is given'
printf '%s' "$out" | python3 -c 'import json, sys; json.load(sys.stdin)'
ok $? 'as JSON and nothing else'
is "$err" 'verdict: good (0)' 'so that the verdict goes elsewhere'

# --- folders
mkdir plate
for i in 1 2 3 4; do draw_picture $i 64 "plate/w$i"; done
rm plate/*.mask
head -c 1000 plate/w3.png >plate/broken.png
run "$program" --backend $sim --image plate --image-size 64 --batch-size 2 --output json --overlay overlays
exits 2 'a folder with a damaged picture'
says_error '^error: plate/broken\.png' 'names it'
says_error '4 of 5 pictures segmented' 'and segments the others'
is "$(ls json overlays | tr '\n' ' ')" 'json: w1.json w2.json w3.json w4.json  overlays: w1.png w2.png w3.png w4.png ' \
    'with a file of polygons and an overlay for each'
like "$(json json/w4.json .metadata.batch_size)" '^[12]$' 'batches are no larger than asked for'
rm plate/broken.png
run "$program" --backend $sim --image plate --image-size 64 --format coco --min-area-px 0 --category cell --output all.json
exits 0 'a folder as a COCO data set'
run_shell 'python3 -c "
import json
coco = json.load(open(\"all.json\"))
names = {image[\"id\"]: image[\"file_name\"] for image in coco[\"images\"]}
assert names == {1: \"w1.png\", 2: \"w2.png\", 3: \"w3.png\", 4: \"w4.png\"}, names
assert [category[\"name\"] for category in coco[\"categories\"]] == [\"cell\"]
assert coco[\"metadata\"][\"pictures\"] == 4 and coco[\"metadata\"][\"failed\"] == 0
for number, one in enumerate(coco[\"annotations\"]):
    assert one[\"id\"] == number + 1 and one[\"image_id\"] in names and one[\"category_id\"] == 1
    assert all(len(ring) >= 6 and len(ring) % 2 == 0 for ring in one[\"segmentation\"])
    x, y, width, height = one[\"bbox\"]
    assert 0 <= x and x + width <= 64 and 0 < one[\"area\"] <= width * height and 0 <= one[\"score\"] <= 1
"'
exits 0 'which Python reads, one image for each picture in the order of their names'
run "$program" --backend $sim --image plate --image-size 64 --format geojson --category cell --output geo --quiet
is "$(cd geo && echo *)" 'w1.geojson w2.geojson w3.geojson w4.geojson' 'GeoJSON is a file for each picture'
is "$(json geo/w1.geojson .type) $(json geo/w1.geojson .metadata.outlines)" 'FeatureCollection along pixel edges' 'and says so'
run "$program" --backend $sim,echo=true --image cell.png --image-size 64 --format coco --min-area-px 0 --output wide.json
run "$program" --backend $sim,echo=true --image cell.png --image-size 64 --format coco-rle --min-area-px 0 --output runs.json
exits 0 'the same with run-length masks'
run_shell 'python3 -c "
import json
outlines, runs = json.load(open(\"wide.json\")), json.load(open(\"runs.json\"))
assert outlines[\"info\"][\"version\"] and runs[\"licenses\"] == []
assert len(outlines[\"annotations\"]) == len(runs[\"annotations\"]) > 0
for outline, run in zip(outlines[\"annotations\"], runs[\"annotations\"]):
    (ring,), mask = outline.pop(\"segmentation\"), run.pop(\"segmentation\")
    assert outline == run and mask[\"size\"] == [128, 128] and isinstance(mask[\"counts\"], str)
    xs, ys, before = ring[::2], ring[1::2], [-1] + list(range(len(ring) // 2 - 1))
    assert sum(xs[i] * ys[j] - xs[j] * ys[i] for j, i in enumerate(before)) == 2 * run[\"area\"]
    assert run[\"bbox\"] == [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
"'
exits 0 "in the picture's own pixels: an outline holds the area and ends at the box"

# --- pages, and which value is white
run "$program" --backend $sim --image-size 64 --models hrnet,cbam_resunet --image "$images/rgb-8-pages.tif" --output page.json
exits 0 'a file of two pages'
is "$(printf '%s\n' "$err" | grep -c 'page 1 of 2 is taken; --page N takes another')" 1 'says so once, however many networks there are'
is "$(json page-hrnet.json .metadata.page) $(json page-hrnet.json .metadata.pages)" '1 2' 'its results tell which it was'
run "$program" --backend $sim --image-size 64 --image "$images/rgb-8-pages.tif" --page 2 --output page.json --overlay page.png --quiet
exits 0 'the second, asked for'
is "$err" '' 'without a word'
is "$(json page.json .metadata.page)" 2 'is segmented'
run "$program" --backend $sim --image-size 64 --image "$images/rgb-8-pages.tif" --page 3
refuses 'rgb-8-pages\.tif: it has 2 pages in full resolution, and no page 3' 'one that is not there'
mkdir stack && cp "$images/rgb-8-pages.tif" stack/a.tif && cp "$images/imagej-hyperstack.tif" stack/b.tif
run "$program" --backend $sim --image-size 64 --image stack --page 2 --output by-page --overlay by-page --labels labels
is "$(cd by-page && echo *) $(cd labels && echo *)" 'a-page2.json a-page2.png b-page2.json b-page2.png a-page2.png b-page2.png' \
    "of a folder, a page's results are called so"
run "$program" --backend $sim --image-size 64 --image "$images/gray-16-untold.tif" --output white.json
says_error 'warning: .*gray-16-untold\.tif: its values, 0 to 1023, use less than a sixteenth' 'a dark picture is warned of'
says_error '0 to 65535 \(all that 16 bits hold\); --white N says otherwise' 'with what was taken, and what says otherwise'
run "$program" --backend $sim --image-size 64 --image "$images/gray-16-untold.tif" --white 1023 --output white.json --quiet
is "$err $(json white.json .metadata.white)" ' 1023' 'which it then is'
run "$program" --backend $sim --image-size 64 --image "$images/gray-8.tif" --white 4095
refuses 'gray-8\.tif: --white 4095 is beyond its values, which are of 8 bits' 'a white that cannot be'

# --- networks and configs
run "$program" --backend $sim --image plate/w1.png --image-size 64 --models hrnet,cbam_resunet --output two.json --quiet
exits 0 'two networks'
is "$(json two-hrnet.json .metadata.model) $(json two-cbam_resunet.json .metadata.model)" 'hrnet cbam_resunet' \
    'have a file each'
run "$program" --backend $sim --image plate --image-size 64 --output json
says_error 'hrnet is not tuned here: batches of one' 'without a config, it says so'
cat >config.json <<END
{ "schema_version": 1, "settings": { "backend": "$sim" }, "configurations": { "hrnet": { "optimal_batch_size": 3, "image_size": 32 } } }
END
run "$program" --config config.json --image plate --image-size 64 --output json
exits 0 'a config says what runs the network'
says_error 'tuned at 32 px, not at 64' 'and for which size it was tuned'
is "$(json json/w1.json .metadata.image_size)" 64 'the size that was asked for counts'
run "$program" --config config.json --image plate --output json
exits 0 'without one'
is "$(json json/w1.json .metadata.image_size)" 32 "the config's does"
sed 's/"schema_version": 1,/& "workload": "cpu-demo",/' config.json >demo.json
run "$program" --config demo.json --image plate --output json
says_error 'hrnet runs at 32 px, for which a demonstration tuned it; --image-size 1024 shows more' "and a demonstration's is said"
sed 's/"image_size": 32/&, "precision": "int8", "precision_reason": "it won"/' demo.json >int8.json
run "$program" --config int8.json --image plate --output json
says_error '; --image-size 1024 --precision auto shows more' 'INT8 is calibrated for its size alone'
run "$program" --backend $sim --image plate/w1.png --output own.json
is "$(json own.json .metadata.image_size)" 1024 'where nobody says one it is 1024'
run "$program" --backend "$sim,faults=fail@1-1000" --image plate/w1.png --image-size 64 --output f.json
exits 0 'a picture that fails on the production path'
is "$(json f.json .metadata.inference_mode)" standard_fallback 'is served by the other, and the file tells'

# --- bad input
run "$program"
refuses '--image: give a picture' 'no picture'
run "$program" --image absent.png
refuses '--image: absent\.png: No such file' 'a picture that is not there'
mkdir empty
run "$program" --image empty --output json
refuses 'empty: no picture in it' 'a folder without pictures'
run "$program" --image plate --backend $sim
refuses '--output: give a folder' 'a folder of pictures without a place for polygons'
run "$program" --image plate --output json --overlay plate
refuses '--overlay: give another folder' 'overlays among the pictures'
run "$program" --image plate --output json --overlay overlays --labels overlays
refuses "--labels: give another folder than the overlays', which have the same names" 'labels among the overlays'
run "$program" --image plate/w1.png --overlay plate/w1.png
refuses '--overlay: plate/w1\.png is a picture' 'an overlay in place of the picture'
run "$program" --image config.json --backend $sim --image-size 64
refuses '^segment-image: config\.json: not a PNG' 'a file that is no picture'
cp plate/w1.png plate/$'\xe9'.png
run "$program" --image plate --backend $sim --image-size 64 --format coco --output named.json
exits 2 'a name that JSON cannot hold'
says_error 'the name is not UTF-8' 'is told'
says_error '4 of 5 pictures segmented' 'and left out'
rm plate/$'\xe9'.png
run "$program" --image plate/w1.png --config absent.json
refuses 'absent\.json: there is no config' 'a config that is not there'
run "$program" --image plate/w1.png --threshold 1
refuses '--threshold: "1" is above' 'a threshold that nothing exceeds'
run "$program" --image plate/w1.png --models resnet --backend plan
refuses 'resnet' 'a network that is not known'
run "$program" --image plate/w1.png --output plate/w1.png/x.json
refuses '--output' 'an output that cannot be'

# --- without the contours' library
mkdir -p far/away/bin && cp "$program" far/away/bin
run far/away/bin/segment-image --backend $sim --image plate/w1.png --image-size 64
refuses 'no polygons.*libbatchtune_contours\.so' 'a build without the contours is told what to make'
done_testing
