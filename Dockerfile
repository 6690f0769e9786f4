# One static binary on an empty base: docker build -t backline .
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags '-s -w' -o /backline ./cmd/backline && mkdir /data

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /zoneinfo.zip
COPY --from=build /backline /backline
COPY --from=build --chown=65532:65532 /data /data
ENV ZONEINFO=/zoneinfo.zip
USER 65532:65532
VOLUME /data
EXPOSE 8080 7881/udp 7881/tcp 3478/udp 3478/tcp
ENTRYPOINT ["/backline"]
CMD ["serve", "--config", "/etc/backline/backline.yaml"]
