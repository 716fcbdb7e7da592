module uprobed/scripts/gen_offsets

go 1.21
