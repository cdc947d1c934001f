#!/bin/sh
# Removes what no program of ours reads from the libraries of an image: slim.sh FOLDER_WITH_SITE_PACKAGES
# It saves a quarter of the image. Programs do not change: symbols serve debuggers, maps serve those of browsers.
set -eu
cd "$1"
find . -type d -name tests -prune -exec rm -rf {} +
find . -type f -name '*.js.map' -delete
# Dagster imports its own folders called test, so only the large one of onnx goes.
# Only examples of Litestar that are switched off use faker. Tools convert models, which training does by itself.
rm -rf onnx/backend/test faker onnxruntime/transformers onnxruntime/tools onnxruntime/quantization onnxruntime/datasets
# The client of Kubernetes has a second, asynchronous copy, which Dagster does not use.
rm -rf kubernetes/aio
# S3 and what signs in for it: keys, roles of a cluster, single sign-on.
if [ -d botocore/data ]; then
  find botocore/data -mindepth 1 -maxdepth 1 -type d \
    ! -name s3 ! -name sts ! -name sso ! -name sso-oidc ! -name signin -exec rm -rf {} +
fi
# Libraries below *.libs were changed after they were linked, which strip does not survive in every version.
find . -type f -name '*.so*' -size +1M ! -path '*.libs/*' -exec strip --strip-unneeded {} +
