# The tools of the DNS rows of `make bench`, built beside our programs. Inside the workshop:
#   make -f tests/bench/dns/build.mk      build/bench/{dnsload,dnsstub,fakegate}
include src/build.mk
.DEFAULT_GOAL := bench-dns
.PHONY: bench-dns
bench-dns: build/bench/dnsload build/bench/dnsstub build/bench/fakegate build/bin/dns
build/bench/%: tests/bench/dns/%.c build/obj/release/lib.a tests/bench/dns/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -MF $@.d $(LDFLAGS_release) -o $@ $< build/obj/release/lib.a -lseccomp
