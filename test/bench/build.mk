# The programs that make and answer the load of `make bench`.

BENCH_PROGRAMS := $(patsubst %,$(BUILD)/test/bench/%,client server probe)
BENCH_CFLAGS   := -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror

$(BENCH_PROGRAMS): $(BUILD)/test/bench/%: test/bench/%.c test/bench/common.h
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(BENCH_CFLAGS) -o $@ $<
