"""The commands of gcloud that the project tells people to type, and their flags.

Taken down from the table of completions of gcloud 528. Few machines that run the tests have it; on
those that do, they compare. To add one, look at `gcloud <command> --help`.
"""

from __future__ import annotations

import re

FOR_ALL = {"--format", "--project", "--quiet"}

_RECORD = """
ai custom-jobs cancel
ai custom-jobs list --filter --limit --region --sort-by
ai custom-jobs stream-logs --region
artifacts repositories add-iam-policy-binding --member --role
artifacts repositories create --location --repository-format
artifacts repositories delete --location
artifacts repositories list
auth application-default login
auth application-default print-access-token
auth application-default set-quota-project
auth configure-docker
auth login
auth print-access-token
auth print-identity-token
beta quotas info list --filter --service
beta quotas preferences create --dimensions --email --justification --preferred-value --quota-id
    --service
billing accounts list
billing budgets create --billing-account --budget-amount --display-name --filter-projects
    --threshold-rule
billing projects link --billing-account
builds submit --config --substitutions
compute accelerator-types list --filter
compute addresses create --region
compute addresses delete --region
compute addresses describe --region
compute disks snapshot
compute firewall-rules create --allow --target-tags
compute firewall-rules delete
compute instances create --address --boot-disk-size --image-family --image-project
    --machine-type --scopes --service-account --tags --zone
compute instances delete --zone
compute instances stop --zone
compute regions list
compute scp --zone
compute ssh --command --zone
config get
config get-value
config set
iam service-accounts add-iam-policy-binding --member --role
iam service-accounts create --display-name
iam service-accounts delete
iam service-accounts keys create --iam-account
logging read --freshness --limit
projects add-iam-policy-binding --condition --member --role
projects create
projects delete
projects describe
projects list
services enable
storage buckets add-iam-policy-binding --member --role
storage buckets create --location --public-access-prevention --soft-delete-duration
    --uniform-bucket-level-access
storage buckets describe
storage buckets update --lifecycle-file
storage cp
storage ls
storage rm --recursive
storage rsync --recursive
"""

FLAGS = {
    " ".join(word for word in line.split() if not word.startswith("--")): {
        word for word in line.split() if word.startswith("--")
    }
    for line in re.sub(r"\n +", " ", _RECORD.strip()).splitlines()
}


def command_of(words: list[str]) -> str:
    """The longest known command that a call begins with.

    Raises:
        LookupError: If there is none.
    """
    for length in range(len(words), 0, -1):
        if (command := " ".join(words[:length])) in FLAGS:
            return command
    raise LookupError(f"gcloud {' '.join(words)}: not taken down in {__name__}")
