# Heatlab as an image: `docker build -t heatlab . && docker run -p 8501:8501 -v heatlab:/data heatlab`.
# The root file system may be read-only (`--read-only --tmpfs /tmp`); all that is kept is kept in /data.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
COPY requirements.txt requirements-server.txt ./
# The pins first: they change less often than the code, so this layer is kept.
RUN python -m venv /opt/heatlab && /opt/heatlab/bin/pip install --no-cache-dir -r requirements-server.txt
COPY . .
RUN /opt/heatlab/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home --home-dir /home/heatlab heatlab && mkdir /data && chown heatlab /data
COPY --from=build /opt/heatlab /opt/heatlab
ENV PATH=/opt/heatlab/bin:$PATH HEATLAB_FOLDER=/data HEATLAB_HOSTED=1 PYTHONDONTWRITEBYTECODE=1
USER heatlab
WORKDIR /home/heatlab
VOLUME /data
EXPOSE 8501
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
CMD ["heatlab", "run", "--port", "8501", "--server.address", "0.0.0.0"]
