"""Command lines as text, quoted for the shell."""

import shlex


def command_line(*words: str) -> str:
    """One command line; every word is quoted where the shell would change it.

    >>> command_line("transform-vec", "my lda.mat", "ark:-", "ark:-")
    "transform-vec 'my lda.mat' ark:- ark:-"

    A word that is a pipe is quoted as a whole, so that what it quotes itself stays quoted:

    >>> print(command_line("copy-vector", f"ark:{command_line('cat', 'a b.ark')} |", "ark,t:-"))
    copy-vector 'ark:cat '"'"'a b.ark'"'"' |' ark,t:-
    """
    return shlex.join(words)
