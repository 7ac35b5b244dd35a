"""The steps of deploy/Dockerfile in a bare Debian root, where Docker is not: `root.py [FOLDER]`.

Every COPY and RUN of the file is done as it stands there, in a root that mmdebstrap makes from packages; then, as the
user of the image and without a network: `preflight doctor`, and one deck, one photo and one clip prepared. Needs root,
mmdebstrap, unshare, the samples and about 3 GB.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

TOP = Path(__file__).resolve().parent.parent
CONTEXT = TOP / "dist" / "image"
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
SAMPLES = ("decks/51-slides.pptx", "images/over-4k.png", "video/60fps.mp4")
# What a root needs of this machine to reach its registries: a certificate of its house, and its mirrors.
HOUSE = {name: value for name, value in os.environ.items() if name.startswith("PIP_")} | {"PIP_CERT": CERTIFICATES}


def steps(text: str) -> list[tuple[str, str]]:
    """Instruction and words of each line of a Dockerfile."""
    whole = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    return [
        (word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)
    ]


def inside(root: Path, command: str, env: dict[str, str], *words: str) -> int:
    """A command in the root; how it ended."""
    enter = ["chroot", *words, str(root), "/usr/bin/env", "-i", *(f"{k}={v}" for k, v in env.items())]
    return subprocess.run([*enter, "sh", "-c", command], check=False).returncode


def built(root: Path) -> tuple[dict[str, str], str]:
    """Do what the file says; its environment and its user."""
    env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
    user = ""
    for word, rest in steps((TOP / "deploy" / "Dockerfile").read_text("utf-8")):
        if word == "ENV":
            env |= dict(one.split("=", 1) for one in shlex.split(rest))
        elif word == "COPY":
            *sources, target = shlex.split(rest)
            for pattern in sources:
                for source in CONTEXT.glob(pattern):
                    place = root / target.lstrip("/")
                    place.mkdir(parents=True, exist_ok=True)
                    shutil.copy(source, place)
        elif word == "RUN":
            print(f"RUN {rest[:100]}", flush=True)
            ended = inside(root, rest, env | HOUSE)
            if ended:
                sys.exit(f"RUN ended with {ended}")
        elif word == "USER":
            user = rest
        elif word not in {"ARG", "FROM", "WORKDIR", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}:
            sys.exit(f"{word} is not done here")
    return env, user


def main() -> int:
    """Build the root and try it; exit code 1 when something in it did not work."""
    place = Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="preflight-root-"))
    place.mkdir(exist_ok=True)
    root = place / "root"
    suite = re.search(r"ARG BASE=debian:(\w+)", (TOP / "deploy" / "Dockerfile").read_text("utf-8"))
    words = ["mmdebstrap", "--quiet", "--variant=minbase", "--include=ca-certificates", suite[1] if suite else "stable"]
    subprocess.run([*words, str(root)], check=True)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    shutil.copy(CERTIFICATES, root / CERTIFICATES.lstrip("/"))
    mounts = [root / name for name in ("proc", "dev", "sys")]
    try:
        for mount in mounts:
            subprocess.run(["mount", "--rbind", f"/{mount.name}", str(mount)], check=True)  # noqa: S607
            subprocess.run(["mount", "--make-rslave", str(mount)], check=True)  # noqa: S607
        env, user = built(root)
        media = root / "data" / "media"
        media.mkdir()
        for name in SAMPLES:
            shutil.copy(TOP / "samples" / "out" / name, media)
        inside(root, f"chown -R {user} /data", env)
        tried = "preflight doctor && preflight prepare /data/media -p metastudio/video-production --split -o /data/out"
        as_user = ["unshare", "--net", "chroot", f"--userspec={user}", str(root), "/usr/bin/env", "-i"]
        as_user += [f"{k}={v}" for k, v in env.items()]
        return subprocess.run([*as_user, "sh", "-c", f"cd /data && {tried}"], check=False).returncode
    finally:
        for mount in reversed(mounts):
            subprocess.run(["umount", "-l", str(mount)], check=False)  # noqa: S607
        if len(sys.argv) < 2:
            shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
