package main

import (
	"debug/dwarf"
	"debug/elf"
	"fmt"
	"strings"
)

// membersByStruct are the fields to look for, by the DWARF name of their struct. A member with dots
// lies in structs held by value, and is there only if they are.
type membersByStruct map[string][]string

// readOffsets reads from the DWARF of `path` where `fields` are. `accept` may refuse one by the
// members of its struct up to it.
func readOffsets(path string, fields membersByStruct,
	accept func(key string, before []*dwarf.StructField) bool) (offsetsByKey, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := file.DWARF()
	if err != nil {
		return nil, err
	}
	offsets := offsetsByKey{}
	for reader := data.Reader(); ; {
		entry, err := reader.Next()
		if err != nil {
			return nil, err
		}
		if entry == nil {
			return offsets, nil
		}
		name, _ := entry.Val(dwarf.AttrName).(string)
		if entry.Tag != dwarf.TagStructType || fields[name] == nil {
			continue
		}
		structType, err := data.Type(entry.Offset)
		if err != nil {
			return nil, err
		}
		for _, member := range fields[name] {
			key := name + "." + member
			offset, before, ok := memberOffset(structType, strings.Split(member, "."))
			if !ok || !accept(key, before) {
				continue
			}
			if known, ok := offsets[key]; ok && known != offset {
				return nil, fmt.Errorf("%s: DWARF has %s twice, and not alike", path, key)
			}
			offsets[key] = offset
		}
	}
}

// memberOffset follows names through structs held by value; it also returns the members that stand
// before those it went through.
func memberOffset(typ dwarf.Type, names []string) (int64, []*dwarf.StructField, bool) {
	structType, ok := withoutAliases(typ).(*dwarf.StructType)
	if !ok {
		return 0, nil, false
	}
	for i, field := range structType.Field {
		if field.Name != names[0] {
			continue
		}
		before := append([]*dwarf.StructField{}, structType.Field[:i]...)
		if len(names) == 1 {
			return field.ByteOffset, before, true
		}
		inner, innerBefore, found := memberOffset(field.Type, names[1:])
		return field.ByteOffset + inner, append(before, innerBefore...), found
	}
	return 0, nil, false
}

func withoutAliases(typ dwarf.Type) dwarf.Type {
	for {
		alias, ok := typ.(*dwarf.TypedefType)
		if !ok {
			return typ
		}
		typ = alias.Type
	}
}
