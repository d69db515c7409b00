# A network of one's own, exported by the example script in both forms, tuned, tested and shown like the built-in ones.
. tests/lib/tap.sh
[ -e .deps/python.stamp ] || skip_all "torch's Python part is not set up: make deps-python"
root=$PWD
programs=$PWD/$bin
script=tools/python/export_example.py
made=${O:-build}/models

# Compiling takes a minute of a core, so that what is newer than the script and the torch behind it is kept.
if [ ! "$made/mine.json" -nt "$script" ] || [ ! "$made/mine.json" -nt .deps/python.stamp ]; then
    rm -rf "$made"
    RUN_TIMEOUT_S=800 run env TORCHINDUCTOR_CACHE_DIR="$root/${O:-build}/inductor" tools/setup/torch-python "$script" "$made"
    exits 0 'the example exports TorchScript and packages' || {
        done_testing
        exit 1
    }
fi
# The same network compiled in another layout, for several batch sizes, and with a sigmoid of its own.
if [ ! "$made/soft.pt" -nt "$0" ] || [ ! "$made/soft.pt" -nt "$made/mine.json" ]; then
    cat >"$scratch/forms.py" <<'PYTHON'
import os
import sys
import torch

folder = sys.argv[1]
sys.path.insert(0, os.path.dirname(sys.argv[2]))
from export_example import example


def package(network, images, name, **more):
    program = torch.export.export(network, (images,), **more)
    torch._inductor.aoti_compile_and_package(program, package_path=f"{folder}/{name}.pt2")


with torch.no_grad():
    last = torch.channels_last
    package(example().to(memory_format=last), torch.zeros(2, 3, 64, 64).to(memory_format=last), "last")
    batch = torch.export.Dim("batch", min=1, max=8)
    package(example(), torch.zeros(2, 3, 64, 64), "several", dynamic_shapes=({0: batch},))
torch.jit.script(torch.nn.Sequential(example(), torch.nn.Sigmoid()).eval()).save(f"{folder}/soft.pt")
PYTHON
    RUN_TIMEOUT_S=800 run env TORCHINDUCTOR_CACHE_DIR="$root/${O:-build}/inductor" tools/setup/torch-python -W ignore \
        "$scratch/forms.py" "$made" "$root/$script"
    exits 0 'and in other forms'
fi
# What is wrong with a network in each way.
cat >"$scratch/wrong.py" <<'PYTHON'
import sys
import torch


class Base(torch.nn.Module):
    def __init__(self, takes: int = 3, gives: int = 1):
        super().__init__()
        self.layer = torch.nn.Conv2d(takes, gives, 3, padding=1)

    def forward(self, x):
        return self.layer(x)


class Small(Base):
    def forward(self, x):
        return self.layer(x)[:, :, 1:-1, 1:-1]


class Whole(Base):
    def forward(self, x):
        return self.layer(x).int()


class Double(Base):
    def forward(self, x):
        return self.layer(x).double()


class Alone(Base):
    def forward(self, x):
        return self.layer(x).view(1, 1, 64, 64)


class Nothing(Base):
    def forward(self, x):
        return -9 + 0.1 * torch.sigmoid(self.layer(x))


folder = sys.argv[1]
torch.manual_seed(1)
networks = {"small": Small(), "whole": Whole(), "double": Double(), "alone": Alone()}
networks.update(nothing=Nothing(), four=Base(takes=4))
for name, network in networks.items():
    torch.jit.script(network.eval()).save(f"{folder}/{name}.pt")
torch.save(Base().state_dict(), f"{folder}/state.pt")
torch.export.save(torch.export.export(Base().eval(), (torch.zeros(1, 3, 64, 64),)), f"{folder}/exported.pt2")
PYTHON
RUN_TIMEOUT_S=300 run tools/setup/torch-python -W ignore "$scratch/wrong.py" "$scratch"
exits 0 'networks with a fault each are made'

cp "$made"/*.pt* "$made/mine.json" "$scratch/"
cd "$scratch" || exit 1

# One thread, so that a busy machine does not make two wait for each other.
tune() { run "$programs/optimize-batch" --quiet --threads 1 --instances 1 --output c.json "$@"; }
entry() { json c.json ".configurations.$1"; }

# --- both forms in one run
cp mine.pt script.pt
cp mine.json script.json
cp mine.json packed.json
tune --model-file 'script=script.pt,packed=mine-{batch}.pt2' --batches 1,2,3,4 --time-budget 60s
exits 0 'a TorchScript file and packages are tuned in one run, by --model-file alone'
is "$(entry script.model_file)" "$scratch/script.pt" 'the config keeps the file from the root'
is "$(entry packed.model_file)" "$scratch/mine-{batch}.pt2" 'and the pattern'
is "$(entry script.image_size) $(entry packed.image_size)" '64 64' 'the size is that of NAME.json, over the profile'
sizes() { entry "$1.points" | grep -o '"batch_size":[0-9]*' | cut -d : -f 2 | sort | tr '\n' ' '; }
is "$(sizes packed)" '1 2 4 ' 'of packages, the sizes that there are are tried and no other'
is "$(sizes script)" '1 2 3 4 ' 'TorchScript takes any'
record=$(ls -d results/*/)record.json
for model in 0 1; do
    is "$(json "$record" .models.$model.points | grep -o '"mask_iou":[0-9a-z.]*' | grep -v -c -E ':(1|1\.0|0\.99[0-9]*)$')" 0 \
        "model $model's masks agree with its standard path's"
    is "$(json "$record" .models.$model.trained_weights)" true 'and are judged'
done
grep -q 'packed: takes batches of 1, 2, 4' "$(dirname "$record")/log.txt"
ok $? 'which is said'
is "$(json "$record" .models.1.precision)" baked "a package's precision is its own"

# --- served and shown from the config alone
run "$programs/test-production" --quiet --config c.json --scenarios single --duration 1s
like "$status" '^[034]$' 'test-production serves both from the config'
load=$(ls -d results/*-test/)record.json
is "$(json "$load" .models.0.model) $(json "$load" .models.1.weights)" 'script mine-{batch}.pt2' 'under their names, by their files'
is "$(json "$load" .scenarios | grep -o '"lost":[0-9]*' | sort -u)" '"lost":0' 'and loses no request'
run "$programs/test-production" --quiet --config c.json --models packed --instances 2x1 --scenarios single --duration 1s
is "$(printf '%s\n' "$err" | grep -c 'standard path is the package of the smallest batch')" 1 'what is to be known of a package is said once, whatever the instances'
run "$programs/show-batch-config" --config c.json --verify
says 'weights +script\.pt, .*/script\.pt: the same contents' 'show-batch-config knows the file'
says 'weights +mine-\{batch\}\.pt2, .*: the same contents' 'and the packages'
cp whole.pt script.pt
mv mine-4.pt2 away.pt2
run "$programs/show-batch-config" --config c.json
says 'script\.pt: [0-9]+ bytes, here [0-9]+' 'it says that a file is another one now'
says 'mine-\{batch\}\.pt2: [0-9]+ bytes, here [0-9]+' 'and that a package is missing'
run "$programs/test-production" --quiet --config c.json --models script --scenarios single --duration 1s
refuses 'script.*script\.pt: gives numbers of type Int' 'what is served is checked as what is tuned'
mv away.pt2 mine-4.pt2
run "$programs/test-production" --quiet --config c.json --models script --model-file script=mine.pt --scenarios single --duration 1s
like "$status" '^[034]$' '--model-file serves another file under the name'

# --- a lone package
tune --model-file alone4=mine-4.pt2 --image-size 64 --time-budget 15s
like "$status" '^[04]$' 'a package without {batch} is tuned'
is "$(json "$(ls -td results/*optimize*/ | head -n 1)record.json" .models.0.points | grep -o '"batch_size":[0-9]*')" '"batch_size":4' \
    'at the one batch size that it is of'
tune --model-file alone4=mine-4.pt2 --image-size 64 --batches 1,2
refuses '--batches: alone4 takes batches of 4 alone' 'another is refused'
# Weights by chance: how far two precisions agree on masks made with them says nothing.
tune --model-file double=double.pt --image-size 64 --batches 1 --time-budget 15s --min-mask-iou 0
exits 0 'logits of another float type are taken'

# --- packages as they were compiled
record_of_last() { printf '%s/record.json' "$(ls -td results/*optimize*/ | head -n 1)"; }
log_of_last() { cat "$(ls -td results/*optimize*/ | head -n 1)/log.txt"; }
tune --model-file last=last.pt2,several=several.pt2 --batches 1,2 --time-budget 20s --min-mask-iou 0
like "$status" '^[04]$' 'packages in channels_last and for several batch sizes are tuned'
is "$(json "$(record_of_last)" .models.0.image_size) $(json "$(record_of_last)" .models.1.image_size)" '64 64' \
    'without a word about the size that they were compiled for'
is "$(json "$(record_of_last)" .models.0.points | grep -o '"outcome":"crashed"' | wc -l)" 0 'in the layout that they were compiled for'
log_of_last | grep -q 'several: a single image costs as much as 2, the least that this package takes; export it with .*check_lowerbound'
ok $? 'what a package without a single image costs is said, and how to export another'

"${programs%/bin}"/tests/draw-spheroids --seed 5 --size 96 --output "$scratch" && mv 0.png cell.png
# segment NAME=FILE: polygons in seen.json, in FP32 where the file leaves the choice.
segment() {
    rm -f seen.json
    run "$programs/segment-image" --model-file "$1" --image cell.png --output seen.json --config none.json --path standard
    exits 0 "segment-image takes $1"
}
# Whether seen.json has wanted.json's polygons, but for a pixel here and there.
agrees() {
    python3 - <<'PYTHON'
import json
import sys

seen, wanted = (sorted(json.load(open(name))["polygons"], key=lambda p: p["points"]) for name in ("seen.json", "wanted.json"))
near = all(abs(a["area"] / b["area"] - 1) < 0.02 and abs(a["confidence"] - b["confidence"]) < 0.02 for a, b in zip(seen, wanted))
sys.exit(not (wanted and len(seen) == len(wanted) and near))
PYTHON
}
printf '{ "schema_version": 1, "configurations": { "other": { "optimal_batch_size": 1 } } }\n' >none.json
segment mine=mine.pt
cp seen.json wanted.json
is "$(json seen.json .metadata.image_size)" 64 'at the size that its JSON file says'
segment last=last.pt2
agrees
ok $? 'a package in channels_last gives the same polygons'
is "$(json seen.json .metadata.image_size)" 64 'at the size that it was compiled for'
is "$(printf '%s\n' "$err" | grep -c '^Error\|Exception\|input_handles')" 0 'and nothing of what libtorch told itself is seen'
segment several=several.pt2
agrees
ok $? 'a single image, padded, too'
is "$(printf '%s\n' "$err" | grep -c '^Error\|Exception\|input_handles')" 0 'as quietly'
cp mine.pt unet.pt
cp mine.json unet.json
segment other=unet.pt
is "$(json seen.json .metadata.image_size)" 64 "unet.json beside unet.pt is read, whatever the model's name"

# --- probabilities
echo '{"input_size": 64}' >soft.json
tune --model-file soft=soft.pt --batches 1 --time-budget 15s --min-mask-iou 0
log_of_last | grep -q 'warning.*soft: its output lies within \[0, 1\] everywhere: that looks like probabilities'
ok $? 'an output within [0, 1] is asked about'
like "$(json "$(record_of_last)" .models.0.output_note)" 'looks like probabilities' 'in the record'
grep -q 'looks like probabilities' "$(dirname "$(record_of_last)")/report.md"
ok $? 'and in the report'
segment soft=soft.pt
says_error 'soft: its output lies within \[0, 1\]' 'segment-image asks too'
! agrees
ok $? 'since its masks are others'
echo '{"input_size": 64, "output": "probabilities"}' >soft.json
tune --model-file soft=soft.pt --batches 1 --time-budget 15s --min-mask-iou 0.9
is "$(json "$(record_of_last)" .models.0.output_note)" null 'once that is said, nothing is asked'
like "$(json "$(record_of_last)" .models.0.points | grep -o '"mask_iou":[0-9.]*')" '^"mask_iou":(1|1\.0|0\.9[0-9]*)$' 'and masks are compared by it'
segment soft=soft.pt
agrees
ok $? 'its polygons and confidence are those of the logits'
tune --model-file nothing=nothing.pt --image-size 64 --batches 1 --time-budget 15s --min-mask-iou 0
log_of_last | grep -q 'nothing: the masks of all pictures are empty'
ok $? 'masks of one value are told'

# --- bad input
refuse() {
    local file=$1 pattern=$2 name=$3
    shift 3
    tune --model-file "wrong=$file" --image-size 64 --time-budget 1s "$@"
    refuses "$pattern" "$name"
}
refuse small.pt 'small\.pt: gives 1 x 1 x 62 x 62 for images of 1 x 3 x 64 x 64; .* smaller by one whole factor' 'one that gives another size'
refuse four.pt 'four\.pt: does not run on images of 1 x 3 x 64 x 64: .*4 channels' 'one that takes four'
refuse whole.pt 'whole\.pt: gives numbers of type Int' 'whole numbers'
refuse state.pt 'state\.pt: weights without a program' 'weights alone'
refuse exported.pt2 'exported\.pt2: an exported program that is not compiled' 'a program that is not compiled'
refuse 'mine-{batch}.pt2' 'compiled for images of 64 x 64 pixels, not of 96 x 96' 'packages of another image size' \
    --image-size 96
refuse mine.pt 'wrong is a file of its own, which libtorch runs' 'the plan cannot' --backend plan
head -c 900000 mine-2.pt2 >cut.pt2
refuse cut.pt2 'cut\.pt2: an archive that is broken or cut short' 'a package that was cut short'
cp mine-2.pt2 bad.pt2
printf 'xxxxxxxx' | dd of=bad.pt2 bs=1 seek=700000 conv=notrunc 2>/dev/null
refuse bad.pt2 'bad\.pt2: damaged' 'a package with wrong bytes in it'
if grep -qw amx_tile /proc/cpuinfo; then
    skip 'this CPU has all that a label can name'
else
    python3 - <<'PYTHON'
import zipfile

with zipfile.ZipFile("mine-1.pt2") as package, zipfile.ZipFile("label.pt2", "w") as other:
    for entry in package.infolist():
        data = package.read(entry)
        if entry.filename.endswith("_metadata.json"):
            data = data.replace(b'"AOTI_CPU_ISA": "', b'"AOTI_CPU_ISA": "AMX_TILE ')
        other.writestr(entry, data)
PYTHON
    refuse label.pt2 'label\.pt2: compiled for a CPU with AMX_TILE .*, which this one has not: compile it here' 'a package for another CPU'
fi
cp mine-2.pt2 package.pt
refuse package.pt 'package\.pt: an AOTInductor package: its name must end in \.pt2' 'a package under the other name'
tune --model-file whole=alone.pt --image-size 64 --batches 1,2 --time-budget 15s --min-mask-iou 0
exits 0 'a traced batch size costs the other sizes and not the run'
done_testing
