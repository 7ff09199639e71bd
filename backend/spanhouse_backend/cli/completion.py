"""`spanhouse completion`: the script that teaches a shell to complete our commands, options and names."""

import click
from click.shell_completion import get_completion_class

_EXAMPLES = """\b
Examples:
  spanhouse completion bash > ~/.local/share/bash-completion/completions/spanhouse
  spanhouse completion zsh > ~/.zfunc/_spanhouse
  spanhouse completion fish > ~/.config/fish/completions/spanhouse.fish
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options, services and functions in this shell."""
    kind = get_completion_class(shell)
    if kind is None or context.parent is None:
        raise click.ClickException(f"there is no completion for {shell}")
    # Not `source`: that asks the bash of this machine for its version, and the script may be for another.
    made = kind(context.parent.command, {}, "spanhouse", "_SPANHOUSE_COMPLETE")
    click.echo(made.source_template % made.source_vars())
