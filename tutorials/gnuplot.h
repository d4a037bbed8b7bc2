// Pictures for the tutorials: numbers in files, and gnuplot to draw them.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

/// A file for numbers in a folder of pictures. An ArgumentError in the name of `who` says where it cannot be written.
std::ofstream open_numbers(const char* who, const std::filesystem::path& path);

/// Runs a script. False where gnuplot is missing or does not like it.
bool gnuplot(const std::string& script);
