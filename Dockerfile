# Nuclei of a folder of images, by the weights that come along. TORCH_INDEX names another build of torch, say for CPU.
#   docker build -t mani .
#   docker run --rm -v "$PWD:/data" mani infer --bundle pretrained/mani_unet --images /data/images --out /data/nuclei
FROM python:3.12-slim AS wheel
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir build && python -m build --wheel --outdir /wheels

FROM python:3.12-slim
ARG TORCH_INDEX
RUN pip install --no-cache-dir torch ${TORCH_INDEX:+--index-url "$TORCH_INDEX"}
COPY --from=wheel /wheels /wheels
RUN pip install --no-cache-dir /wheels/*.whl && rm -r /wheels \
    && useradd --create-home mani
USER mani
# beside the weights, so that pretrained/mani_unet is a name
RUN ln -s "$(python -c 'from mani_monai.utils.places import place_of; print(place_of("pretrained"))')" /home/mani/pretrained
WORKDIR /home/mani
ENTRYPOINT ["mani"]
CMD ["--help"]
