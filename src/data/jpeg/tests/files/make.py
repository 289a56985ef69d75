"""Makes the small pictures of this folder, and pixels.tsv: what TensorFlow 2.15.1 makes of each.
    pip install tensorflow-cpu==2.15.1 pillow==13.0.0 jpeglib==1.0.2 'numpy<2'; python make.py"""
import hashlib, io, os, struct
import jpeglib, numpy as np, tensorflow as tf
from PIL import Image

FACTORS = {  # of width and height, for each component
    "444": "11 11 11", "422": "21 11 11", "420": "22 11 11", "440": "12 11 11", "411": "41 11 11",
    "410": "42 11 11", "311": "31 11 11", "113": "13 11 11", "mixed": "22 21 12", "luma": "11 22 12"}
random = np.random.default_rng(1)

def picture(width, height, depth):
    """A slope in each channel, with a little noise."""
    y, x = np.mgrid[:height, :width]
    slopes = np.stack([120 + (k + 1) * 4 * x - (3 - k) * 3 * y for k in range(depth)], 2)
    return np.clip(slopes + random.integers(-20, 21, slopes.shape), 0, 255).astype("u1")

def sampled(name, width, height, factors, progressive, quality):
    image = jpeglib.from_spatial(np.ascontiguousarray(picture(width, height, 3)))
    image.samp_factor = [(int(f[1]), int(f[0])) for f in factors.split()]
    image.progressive_mode = progressive
    image.write_spatial(name, qt=quality)

def pillow(pixels, mode, **options):
    file = io.BytesIO()
    Image.fromarray(pixels, mode).save(file, "JPEG", **options)
    return bytearray(file.getvalue())

def segments(file):
    """The segments of a file by their markers, and the data of its scan."""
    found, at = {}, 2
    while True:
        marker, end = file[at + 1], at + 2 + struct.unpack(">H", file[at + 2:at + 4])[0]
        found[marker] = file[at:end]
        if marker == 0xc4:
            found["codes"] = found.get("codes", b"") + file[at:end]
        at = end
        if marker == 0xda:
            return found, file[at:-2]

for name, factors in FACTORS.items():
    for width, height, progressive in [(1, 1, False), (3, 5, True), (33, 17, False)]:
        sampled(f"{name}-{width}x{height}.jpg", width, height, factors, progressive, 60)
sampled("progressive.jpg", 33, 17, FACTORS["420"], True, 90)
files = {}
for name, options in {
    "restarts": dict(subsampling=2, restart_marker_blocks=1),
    "restarts-progressive": dict(subsampling=1, restart_marker_blocks=2, progressive=True),
    "optimised": dict(subsampling=0, optimize=True, quality=97),
    "rgb": dict(keep_rgb=True),
}.items():
    files[name] = pillow(picture(30, 20, 3), "RGB", **options)
files["grey"] = pillow(picture(19, 11, 1)[:, :, 0], "L", quality=80)
files["grey-progressive"] = pillow(picture(19, 11, 1)[:, :, 0], "L", progressive=True)
files["grey-factors"] = bytearray(files["grey"])
files["grey-factors"][files["grey-factors"].index(b"\xff\xc0") + 11] = 0x22
for subsampling in 0, 2:
    files[f"cmyk-{subsampling}"] = pillow(picture(18, 9, 4), "CMYK", subsampling=subsampling)
adobe = files["cmyk-2"].index(b"\xff\xee")
files["ycck"] = bytearray(files["cmyk-2"])
files["ycck"][adobe + 15] = 2
files["cmyk-plain"] = files["cmyk-0"][:adobe] + files["cmyk-0"][adobe + 16:]
# Saturated noise of the coarsest quantisation, which leaves the 16 bits of the fast transform.
noise = 255 * np.random.default_rng(0).integers(0, 2, (16, 16, 3)).astype("u1")
files["noise-1"] = pillow(noise, "RGB", quality=1, subsampling=0)
# A scan for each component, which no encoder at hand writes: those of three grey pictures.
for name, factor, sizes in [("scans-444", 0x11, [(21, 13)] * 3), ("scans-420", 0x22, [(21, 13), (11, 7), (11, 7)])]:
    grey = [segments(pillow(picture(*size, 1)[:, :, 0], "L", optimize=False)) for size in sizes]
    tables = grey[0][0]
    file = b"\xff\xd8" + tables[0xdb] + b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 13, 21, 3)
    file += bytes([1, factor, 0, 2, 0x11, 0, 3, 0x11, 0]) + tables["codes"]
    for number, (_, data) in enumerate(grey):
        file += b"\xff\xda" + struct.pack(">HBBBBBB", 8, 1, number + 1, 0, 0, 63, 0) + data
    files[name] = file + b"\xff\xd9"
for name, file in files.items():
    with open(f"{name}.jpg", "wb") as to:
        to.write(file)

with open("pixels.tsv", "w") as to:
    to.write("# file, dct_method, channels, fancy_upscaling, then width, height, channels and MD5 of the pixels\n")
    for name in sorted(name for name in os.listdir() if name.endswith(".jpg")):
        file = open(name, "rb").read()
        for dct in "FAST", "ACCURATE":
            for channels in 0, 1, 3:
                for fancy in True, False:
                    try:
                        pixels = tf.raw_ops.DecodeJpeg(contents=file, channels=channels, fancy_upscaling=fancy,
                                                       dct_method="INTEGER_" + dct).numpy()
                        height, width, depth = pixels.shape
                        made = f"{width}\t{height}\t{depth}\t{hashlib.md5(pixels.tobytes()).hexdigest()}"
                    except tf.errors.InvalidArgumentError:
                        made = "refused"
                    to.write(f"{name}\t{dct}\t{channels}\t{fancy}\t{made}\n".lower())
