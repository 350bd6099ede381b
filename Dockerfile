# The project with all its packages, for a cluster that runs containers.
#
#   docker build --tag sidewinder .
#   docker run --rm --volume "$PWD/recipes:/recipes" sidewinder snakemake --directory /recipes/mine all
#
# The image has no speech synthesizer (eSpeak NG, GPL), which egs/mini alone needs: for `make demo`
# build with --build-arg EXTRAS='[demo]' and mind its licence when you pass the image on.
FROM python:3.11-slim-bookworm

RUN apt-get update \
 && apt-get install --yes --no-install-recommends git make procps \
 && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/sidewinder
COPY . .
ARG EXTRAS=
RUN make .venv/ready EXTRAS="$EXTRAS"

ENV PATH=/opt/sidewinder/.venv/bin:/opt/sidewinder/steps_py/kaldi/bin:$PATH \
    LC_ALL=C PYTHONUNBUFFERED=1 OMP_WAIT_POLICY=PASSIVE
CMD ["bash"]
