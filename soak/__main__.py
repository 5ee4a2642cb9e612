"""`make soak`: changes and faults under continuous load, and what they cost. Exit status 1 when they cost anything."""

import argparse
import secrets
import sys
from pathlib import Path

from soak.report import print_report, write_report
from soak.run import Plan, run_soak, scratch_folder
from soak.schedule import Kind, build_schedule


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--transitions", type=int, default=1000, help="how many changes and faults")
    parser.add_argument("--seconds", type=float, default=7200.0, help="end by then, however many are left")
    parser.add_argument("--seed", type=int, default=None, help="the same seed gives the same steps and bodies")
    parser.add_argument("--report", type=Path, default=Path(__file__).parent / "results", help="folder of the report")
    parser.add_argument("--only", action="append", choices=[kind.name.lower() for kind in Kind], help="only this kind")
    parser.add_argument("--clients", type=int, default=12, help="a third of them speaks HTTP/2")
    parser.add_argument("--largest", type=int, default=100, help="MiB of the largest body")
    parser.add_argument("--longest-stream", type=float, default=120.0, help="seconds of the longest streamed answer")
    arguments = parser.parse_args()
    seed = secrets.randbelow(1_000_000) if arguments.seed is None else arguments.seed
    kinds = frozenset(Kind[name.upper()] for name in arguments.only) if arguments.only else frozenset(Kind)
    plan = Plan(
        schedule=build_schedule(seed, arguments.transitions, kinds),
        seed=seed,
        seconds=arguments.seconds,
        http1_clients=arguments.clients - arguments.clients // 3,
        http2_clients=arguments.clients // 3,
        longest_stream_s=arguments.longest_stream,
        largest_bytes=arguments.largest * 1024 * 1024,
    )
    print(f"seed {seed}, {arguments.transitions} transitions", file=sys.stderr)
    with scratch_folder() as folder:
        outcome = run_soak(plan, Path(folder).resolve(), say=lambda words: print(words, file=sys.stderr))
    print_report(outcome)
    print(f"written to {write_report(outcome, arguments.report)}")
    return 1 if outcome.ledger.problems else 0


if __name__ == "__main__":
    sys.exit(main())
