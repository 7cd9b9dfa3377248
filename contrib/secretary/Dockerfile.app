# An app whose values are opened as it starts: no shell, no script, nothing on disk.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY dist/exe/keyward /usr/bin/keyward
COPY contrib/secretary/orders /usr/bin/orders
USER 65532:65532
ENTRYPOINT ["/usr/bin/keyward", "exec", "--"]
CMD ["/usr/bin/orders", "--port", "8080"]
