"""What stands in the parentheses of a call."""

from dsl import model, syntax
from dsl.expressions import expression
from dsl.world import Scope, World


def arguments(
    world: World, written: syntax.Call, scope: Scope, least: int, most: int | None, shape: str
) -> list[model.Expr] | None:
    """None where they are too few or too many."""
    made = [expression(world, a.value, scope) for a in written.arguments]
    return None if miscounted(world, written, least, most, shape) else made


def miscounted(world: World, written: syntax.Call, least: int, most: int | None, shape: str) -> bool:
    """Whether the arguments are too few or too many, with its error."""
    count = len(written.arguments)
    if count >= least and (most is None or count <= most):
        return False
    wanted = str(least) if least == most else f"{least} or more" if most is None else f"{least} to {most}"
    takes = f"`{written.function.text}` takes {wanted} argument{'' if wanted == '1' else 's'}"
    message = f"{takes}, and here {'is' if count == 1 else 'are'} {count}"
    world.report.error("E119", message, written.span, help=f"write `{shape}`")
    return True


def more_said(world: World, written: syntax.Call) -> bool:
    """Whether something follows an argument that only an aggregate's may have, with its error."""
    for argument in written.arguments:
        extra = argument.by or argument.via or argument.where or argument.over
        if extra is not None:
            world.report.error(
                "E120",
                f"`{written.function.text}` is no aggregate, so nothing may follow its argument",
                extra.span,
                help="`where` and `via` go inside an aggregate such as `sum(…)`",
            )
            return True
    return False
