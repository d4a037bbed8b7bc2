// Trees and texts of files as lines for a terminal.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "luxtorch/tree.h"

/// f of every leaf and of every node without children, in order, under its flat name in a file
/// ("q.absmax" for the path "q%2Eabsmax").
void for_each_entry(
    const std::function<void(const std::string& path, const luxtorch::Tree& entry)>& f,
    const luxtorch::Tree& tree);

/// "float32", "int64", "string", "nothing", "empty tuple", ...
std::string kind_of(const luxtorch::Tree& entry);
/// The value of an entry that is no tensor, as text: "3", "0.5", "\"adam\"", "" for nothing.
std::string value_of(const luxtorch::Tree& entry);
/// The path, or "(root)" for the empty one. Control characters are escaped: a file may hold any name,
/// and a terminal obeys some of them.
std::string shown(const std::string& path);
/// The text with its control characters escaped, and '?' for what else a terminal would obey: marks
/// that turn the direction of writing, C1 controls, what is not UTF-8.
std::string printable(std::string_view text);

/// Prints rows as columns that are two spaces apart; those in `right` are aligned to the right.
void print_table(const std::vector<std::vector<std::string>>& rows,
                 const std::vector<size_t>& right = {});
