"""Conda package names and what they are on PyPI; read by compute/conda.py. Names are the public facts of both indexes.

Only differing names are listed: most Python packages have one name in both. What is on neither list
and not on the index either is found out by the resolve and reported as `EnvironmentPackageUnknown`.
"""

import re

PYPI_TWINS: dict[str, str] = {
    "azure-ml": "azure-ai-ml",
    "dask-core": "dask",
    "faiss": "faiss-cpu",
    "graphviz-python": "graphviz",
    "keras-gpu": "keras",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    "onnxruntime-cpp": "onnxruntime",
    "opencv": "opencv-python-headless",
    "prometheus_client": "prometheus-client",
    "py-catboost": "catboost",
    "py-lightgbm": "lightgbm",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyarrow-core": "pyarrow",
    "pytables": "tables",
    "python-duckdb": "duckdb",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-igraph": "igraph",
    "python-kubernetes": "kubernetes",
    "python-lmdb": "lmdb",
    "python-tzdata": "tzdata",
    "python-xxhash": "xxhash",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "quaternion": "numpy-quaternion",
    "ray-core": "ray",
    "ray-serve": "ray",
    "seaborn-base": "seaborn",
    "snappy-python": "python-snappy",
    "tensorflow-base": "tensorflow",
    "tensorflow-cpu": "tensorflow",
    "tensorflow-eigen": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "uvicorn-standard": "uvicorn",
    "xgboost-cpu": "xgboost",
}

SYSTEM_LIBRARIES = frozenset(
    {
        "_libgcc_mutex", "_openmp_mutex", "blas", "boost", "boost-cpp", "bzip2", "c-ares", "c-compiler",
        "ca-certificates", "cairo", "compilers", "cpuonly", "cudatoolkit", "cudnn", "curl", "cxx-compiler",
        "ffmpeg", "fontconfig", "fortran-compiler", "freetype", "gcc", "geos", "gfortran", "git", "glib",
        "gmp", "graphviz", "gxx", "hdf5", "icu", "intel-openmp", "jpeg", "krb5", "lapack", "lcms2",
        "ld_impl_linux-64", "lerc", "llvm-openmp", "lz4-c", "make", "mesalib", "mkl", "mpich", "nccl",
        "ncurses", "nomkl", "openblas", "openjpeg", "openmpi", "openssl", "pango", "patchelf", "pcre",
        "pixman", "poppler", "proj", "pytorch-cuda", "pytorch-mutex", "qt", "re2", "readline", "snappy",
        "sqlite", "sysroot_linux-64", "tbb", "tesseract", "tk", "tzdata", "unixodbc", "unzip", "vc",
        "vs2015_runtime", "wget", "xz", "yaml", "zlib", "zstd",
    }
)  # fmt: skip

NOT_ON_PYPI = frozenset({"r-base", "r-essentials", "julia", "nodejs", "openjdk", "perl", "ruby", "maven", "go", "rust"})


def is_system_library(name: str) -> bool:
    """Whether a conda package holds no Python code of its own: the machine (or a wheel) brings what it would bring."""
    if name in SYSTEM_LIBRARIES:
        return True
    if name.startswith("lib"):
        return name not in _PYTHON_PACKAGES_NAMED_LIB
    return re.fullmatch(r"(cuda|gcc|gxx|gfortran|binutils|sysroot|xorg)-.*|(gcc|gxx|binutils)_.*", name) is not None


def is_not_python(name: str) -> bool:
    """Whether a conda package is known to have no twin on PyPI and to matter to whoever asks for it."""
    return name in NOT_ON_PYPI or name.startswith("r-")


# --- private

_PYTHON_PACKAGES_NAMED_LIB = frozenset(
    {"libcst", "librosa", "libclang", "libsass", "libtmux", "libarchive-c", "libsvm", "libpysal", "libusb1", "librt"}
)
