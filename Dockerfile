# Nuclei of a folder of images, by the weights that come along. TORCH_INDEX names another build of torch, say for CPU.
#   docker build -t mani .
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/data" mani \
#     infer --bundle pretrained/mani_unet --images /data/images --out /data/nuclei
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
ARG TORCH_INDEX
RUN pip install --no-cache-dir "torch>=2.8" ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels
# beside the weights, so that pretrained/mani_unet is a name; whoever runs it may read there and has a home for caches
WORKDIR /mani
RUN ln -s "$(python -c 'from mani_monai.utils.places import place_of; print(place_of("pretrained"))')" pretrained \
    && useradd mani
ENV HOME=/tmp
USER mani
ENTRYPOINT ["mani"]
CMD ["--help"]
