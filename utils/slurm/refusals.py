"""Remedies for jobs that Slurm refuses."""

from __future__ import annotations

import re

# In Slurm's words (of versions 20 to 24), each with the key to correct and what shows its values.
_REMEDIES = {
    r"invalid partition": "Correct partition; sinfo shows those that there are.",
    r"invalid account": "Correct account; sacctmgr show associations user=$USER shows yours.",
    r"invalid qos": "Correct qos; sacctmgr show associations user=$USER shows yours.",
    r"generic resource \(gres\)": "Correct gpus or gres; sinfo -o '%P %G' shows the GPUs of nodes.",
    r"node configuration is not available|memory specification can ?not|cpu count": (
        "Lower memory, cpus or gpus, or name another partition; sinfo -o '%P %c %m %G' shows the "
        "cores, the memory in MB and the GPUs of nodes."
    ),
    r"invalid --mem": 'Correct memory: write it as "32G".',
    r"feature specification": "Correct constraint; sinfo -o '%P %f' shows the features of nodes.",
    r"time limit": "Lower time; sinfo -o '%P %l' shows the limits of partitions.",
    r"unrecognized option|unknown option": "Correct options: man sbatch has those that there are.",
}


def remedy(said: str) -> str:
    """The sentence that says what to change, "" where Slurm's own words have to do.

    Args:
        said: Why sbatch refuses the job.
    """
    found = (text for words, text in _REMEDIES.items() if re.search(words, said, re.IGNORECASE))
    return next(found, "")
