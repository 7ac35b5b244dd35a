"""The command `preflight`, and `python -m pipeline`. What stands here has to be readable to older Pythons."""

import sys

OLDEST = (3, 11)


def main() -> int:
    """Exit code 3 under a Python that is too old, else that of the command line."""
    if sys.version_info < OLDEST:
        oldest, this = (".".join(map(str, version[:2])) for version in (OLDEST, sys.version_info))
        sys.stderr.write(
            f"preflight: Python {oldest} or newer is needed; {sys.executable} is {this}. "
            "Install a newer one and run it with -m pip install media-preflight\n"
            f"preflight: 需要 Python {oldest} 或更高版本；{sys.executable} 为 {this}。"
            "请安装新版本，并用它运行 -m pip install media-preflight\n"
        )
        return 3
    from pipeline.cli.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
