"""A task graph in Python: two rows of an image through one DPU, written out as JSON."""

from wlm_dialect.frontends import GraphBuilder, dump_json
from wlm_dialect.machine import preset


def main() -> None:
    g = GraphBuilder(preset("tiny"), "rows")
    image = g.buffer("image", 2048, role="input")
    result = g.buffer("result", 2048, role="output")
    for k in range(2):
        x = g.buffer(f"x{k}", 1024, tile=0)
        y = g.buffer(f"y{k}", 1024, tile=0)
        # Nothing says what waits for what: it follows from what is read and written.
        g.task(f"dma{k}", f"load/s{k}", 1034, reads=[image.view(1024 * k, 1024)], writes=[x], bytes=1024)
        g.task("dpu0", f"conv/s{k}", 900, reads=[x], writes=[y], slots=2)
        g.task(f"dma{k}", f"store/s{k}", 1034, reads=[y], writes=[result.view(1024 * k, 1024)], bytes=1024)
    print(dump_json(g.build()), end="")


if __name__ == "__main__":
    main()
