# What hello itself costs a flow. Inside the workshop:
#   make -f tests/bench/hello/build.mk && build/bench/hello-cost
include src/build.mk
.DEFAULT_GOAL := build/bench/hello-cost
build/bench/hello-cost: tests/bench/hello/cost.c $(call others,release,hello) build/obj/release/lib.a tests/bench/hello/build.mk
	@mkdir -p $(@D)
	@echo "  CC    bench $<"
	@$(CC) $(CFLAGS_release) -iquote src/hello -MF $@.d $(LDFLAGS_release) -o $@ $< $(filter %.o,$^) $(filter %.a,$^) $(LIBS_hello) $(LIBS_lib) -lssl -lcrypto
