"""Every safety ceiling and allow-list in one table. `docs/security.md` explains them to users.

Files come from strangers: what is not on these lists is refused before any decoder sees it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec import Struct

MiB: Final = 1 << 20
GiB: Final = 1 << 30


class Ceiling(Struct, frozen=True):
    """What one run of an outside program may use."""

    wall: float  # seconds
    cpu: int  # processor seconds, all threads together
    memory: int  # bytes of address space
    file_size: int  # bytes of any one file it writes
    quiet: float | None = None  # seconds without progress


class JobTime(NamedTuple):
    """How long a worker process may take for one asset. A busy machine makes it late, and no more work."""

    cpu: float  # processor seconds of its own, all threads together; where the system does not tell, only `wall` holds
    wall: float  # seconds


# ffmpeg with x264 at 4K on 2 threads maps about 1.5 GB; hwaccel libraries reserve address space beyond that.
FFMPEG: Final = Ceiling(wall=6 * 3600, cpu=24 * 3600, memory=8 * GiB, file_size=64 * GiB, quiet=120)
# soffice maps 1 GB before it opens anything.
OFFICE: Final = Ceiling(wall=120, cpu=240, memory=6 * GiB, file_size=2 * GiB)
# Asking a program for its version.
ASK: Final = Ceiling(wall=20, cpu=20, memory=8 * GiB, file_size=MiB)

# What an outside program may read beside its own folder, the files linked into it, and itself: code, fonts, and
# what a C library looks at. No home folder, no other person's media, no keys.
READABLE: Final = (
    "/usr",
    "/lib",
    "/lib64",
    "/bin",
    "/sbin",
    "/opt",
    "/nix/store",
    "/etc/alternatives",
    "/etc/fonts",
    "/etc/group",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/libreoffice",
    "/etc/localtime",
    "/etc/nsswitch.conf",
    "/etc/papersize",
    "/etc/passwd",
    "/var/cache/fontconfig",
    "/var/lib/libreoffice",
    "/var/spool/libreoffice",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/meminfo",
    "/proc/self",
    "/proc/stat",
    "/proc/sys/crypto/fips_enabled",
    "/proc/sys/vm/overcommit_memory",
    "/proc/version",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
)
WRITABLE: Final = ("/dev/null",)

# A worker process that reads or converts one asset.
WORKER_MEMORY: Final = 6 * GiB  # bytes, of the largest file and alone
CHECK: Final = JobTime(cpu=60, wall=600)  # to probe and judge one asset
# ... with every frame decoded, or hours of sound measured: an hour on four processors
DEEP: Final = JobTime(cpu=4 * 3600, wall=6 * 3600)
PREPARE: Final = JobTime(cpu=24 * 3600, wall=7 * 3600)  # above FFMPEG.wall, so that its own message comes first
# All workers and what they start may use this share of the machine's memory, or of what its container may.
MEMORY_SHARE: Final = 0.45
LEAST_MEMORY: Final = 256 * MiB  # bytes of a worker, however many there are

MAX_FILE: Final = 64 * GiB  # bytes of a source: six times what any platform takes (10 GB)

# A source at an address.
FETCH_WALL: Final = 6 * 3600.0  # seconds
LISTED: Final = 1800.0  # seconds for what lies in a folder: a store tells a million objects in a thousand answers

# A far end of any kind: who is slower is not waited for.
ANSWERED: Final = 120.0  # seconds for all but the bytes of a file: twice what a silent far end is waited for
LEAST_SPEED: Final = 32 << 10  # bytes a second that a file moves with at least: an uplink of a quarter of a megabit

# Pictures and video frames.
MAX_PIXELS: Final = 100_000_000  # 100 megapixels: ten times the largest picture any scenario takes
MAX_SIDE: Final = 30_000  # pixels
MAX_FRAMES_IMAGE: Final = 2_000  # of an animated picture, or pages of a TIFF
MAX_MOVING: Final = 2_000_000_000  # pixels of all frames of a picture: a minute of 1080p at 16 frames a second
MAX_SCANS: Final = 100  # of a JPEG: programs write about ten, and each is decoded over all pixels
MAX_FRAME_RATE: Final = 1_000  # frames per second
MAX_PIXEL_RATE: Final = 5_000_000_000  # pixels per second: 8K at 120 frames per second has 4.0 thousand million
MAX_STREAMS: Final = 64
MAX_DURATION: Final = 48 * 3600  # seconds
MAX_CHANNELS: Final = 64
MAX_SAMPLE_RATE: Final = 768_000  # hertz: sixteen times 48,000, the fastest that recorders write
MAX_SOUND_RATE: Final = 64 * 192_000  # samples per second of all channels of a sound
MAX_INDEX: Final = 12_000_000  # entries of an MP4's index that cost no byte each: 48 hours at 60 frames per second
MAX_TAGS: Final = 5_000  # texts and pictures in the tags of a file: FFmpeg compares each with all before it
MAX_TAG: Final = 64 * MiB  # bytes of packed tags, unpacked

# Archives (zip packages and the zips that decks are).
MAX_ENTRIES: Final = 10_000
MAX_UNPACKED: Final = 8 * GiB  # an hour-long 48 kHz 24-bit stereo WAV is 1 GiB
MAX_ENTRY: Final = 4 * GiB
MAX_RATIO: Final = 100  # unpacked / packed, after the first MiB
MAX_XML: Final = 64 * MiB  # of one XML part
MAX_XML_DEPTH: Final = 256
MAX_XML_ELEMENTS: Final = 1_000_000  # of one XML part: ODP holds a deck in one, of 2,000 slides with 500 elements
MAX_XML_ATTRIBUTES: Final = 1_000  # of one element: an office compares each with all others, programs write dozens
MAX_DECK_ELEMENTS: Final = 5_000_000  # XML elements read for one deck: 2,000 slides with 2,500

# Texts.
MAX_TEXT: Final = 16 * MiB  # bytes; the longest script any scenario takes is 128 KiB

# Decks and PDFs.
MAX_PAGES: Final = 2_000
MAX_PAGE_POINTS: Final = 14_400  # PDF 1.7, annex C: the largest page side
MAX_DRAWN: Final = 2_000_000  # things drawn on all pages of a PDF: 2,000 pages with 1,000
MAX_LETTERS: Final = 10_000_000  # characters on all pages of a PDF: 2,000 pages with 5,000

# ffmpeg's demuxers that may open a file; none of them follows references to other files or addresses.
DEMUXERS: Final = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "flv",
    "asf",
    "mpegts",
    "mpeg",
    "wav",
    "w64",
    "mp3",
    "aac",
    "flac",
    "ogg",
    "aiff",
    "amr",
    "gif",
)

# Decoders that may run. What a camera, phone, recorder or editor writes today; no rare one.
DECODERS: Final = (
    "h264",
    "hevc",
    "av1",
    "libdav1d",
    "libaom-av1",
    "vp8",
    "vp9",
    "libvpx",
    "libvpx-vp9",
    "mpeg1video",
    "mpeg2video",
    "mpeg4",
    "msmpeg4v2",
    "msmpeg4v3",
    "mjpeg",
    "prores",
    "dnxhd",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "flv",
    "h263",
    "gif",
    "png",
    "aac",
    "aac_latm",
    "mp3",
    "mp3float",
    "mp2",
    "mp2float",
    "ac3",
    "eac3",
    "flac",
    "alac",
    "vorbis",
    "libvorbis",
    "opus",
    "libopus",
    "wmav1",
    "wmav2",
    "wmapro",
    "wmalossless",
    "amrnb",
    "amrwb",
    "amr_nb",
    "amr_wb",
    "pcm_s16le",
    "pcm_s16be",
    "pcm_s24le",
    "pcm_s24be",
    "pcm_s32le",
    "pcm_s32be",
    "pcm_f32le",
    "pcm_f32be",
    "pcm_f64le",
    "pcm_u8",
    "pcm_s8",
    "pcm_alaw",
    "pcm_mulaw",
    "adpcm_ms",
    "adpcm_ima_wav",
    "adpcm_ima_qt",
)
