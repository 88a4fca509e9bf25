#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Write the digits set as IDX files beside this script, in digits/.

The files are part of the repository; this script shows where they come from. It needs scikit-learn,
whose package carries the data, and no network:

    python3 -m venv venv && venv/bin/pip install scikit-learn && venv/bin/python make_digits.py
"""

import struct
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

UNSIGNED_BYTE = 0x08  # the IDX code of the element type


def write_idx(path, array):
    """Write a uint8 array: two zero bytes, type, rank, big-endian dimensions, row-major data."""
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, UNSIGNED_BYTE, array.ndim, *array.shape)
    path.write_bytes(header + array.astype("uint8").tobytes())


def main():
    digits = load_digits()
    images = digits.images
    if images.min() < 0 or images.max() > 16 or (images % 1).any():
        raise SystemExit("load_digits no longer gives whole pixels in 0..16; this script must be revised")
    train_x, test_x, train_y, test_y = train_test_split(
        images, digits.target, test_size=0.2, stratify=digits.target, random_state=0
    )
    folder = Path(__file__).resolve().parent / "digits"
    folder.mkdir(exist_ok=True)
    for name, array in [
        ("train-images", train_x),
        ("train-labels", train_y),
        ("test-images", test_x),
        ("test-labels", test_y),
    ]:
        write_idx(folder / f"{name}.idx", array)
        print(f"{name}.idx: {' x '.join(map(str, array.shape))}")


if __name__ == "__main__":
    main()
