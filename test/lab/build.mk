# The laboratory's server and client.
LAB_PROGRAMS := $(BUILD)/test/lab/peer
LAB_CFLAGS := -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Werror

$(BUILD)/test/lab/peer: $(wildcard test/lab/peer/*.c) test/lab/peer/peer.h | $(BUILD)/.packages
	$(call msg,CC,$@)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(LAB_CFLAGS) -o $@ $(filter %.c,$^)
