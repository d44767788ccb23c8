#!/bin/sh
# SPDX-FileCopyrightText: podforge contributors
# SPDX-License-Identifier: GPL-3.0-or-later
# Put a fresh login to ECR into a secret of each namespace. The token is in no argument of a program.
# ecr_login.sh <registry> <secret> <namespaces...>
set -eu

registry=$1 secret=$2
shift 2
region=${registry#*.dkr.ecr.}
region=${region%%.*}
account=/var/run/secrets/kubernetes.io/serviceaccount
api="https://${KUBERNETES_SERVICE_HOST:?}:${KUBERNETES_SERVICE_PORT:?}/api/v1"
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
umask 077

printf 'header = "Authorization: Bearer %s"\n' "$(cat "${PODFORGE_ACCOUNT:-$account}/token")" > "$place/curl"
aws ecr get-login-password --region "$region" | tr -d '\n' > "$place/password"
[ -s "$place/password" ] || { echo "ECR has given no login for $registry" >&2; exit 1; }
auth=$({ printf 'AWS:'; cat "$place/password"; } | base64 | tr -d '\n')
login=$(printf '{"auths":{"%s":{"auth":"%s"}}}' "$registry" "$auth" | base64 | tr -d '\n')
printf '{"data":{".dockerconfigjson":"%s"}}' "$login" > "$place/secret.json"

for namespace; do
    curl --silent --show-error --fail --config "$place/curl" --cacert "${PODFORGE_ACCOUNT:-$account}/ca.crt" \
        --request PATCH --header 'Content-Type: application/merge-patch+json' --data-binary "@$place/secret.json" \
        --output /dev/null "$api/namespaces/$namespace/secrets/$secret"
    echo "$namespace/$secret: a fresh login to $registry"
done
