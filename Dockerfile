# Nuclei of a folder of images, by the weights that come along. TORCH_INDEX names another build of torch, say for CPU.
#   docker build -t mani .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" mani \
#     infer --bundle pretrained/mani_unet --images /data/images --out /data/nuclei
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
# hadolint ignore=DL3013
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
ARG TORCH_INDEX
# the package's lowest version of torch is the only bound here, as in pyproject.toml
# hadolint ignore=DL3013
RUN pip install --no-cache-dir "torch>=2.8" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
COPY --from=wheel /wheels /wheels
RUN for wheel in /wheels/*.whl; do pip install --no-cache-dir "${wheel}[slides,dicom]" || exit 1; done && rm -r /wheels
# whoever runs it has a home for caches, and a name, which MONAI asks for; pretrained/mani_unet names the weights of the package in every folder
WORKDIR /data
RUN useradd --uid 1000 mani
ENV HOME=/tmp USER=mani
USER 1000
ENTRYPOINT ["mani"]
CMD ["--help"]
