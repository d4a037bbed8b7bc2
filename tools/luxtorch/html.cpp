#include "html.h"

#include "fit/terminal_text.h"
#include "text.h"

namespace {

std::string escaped(std::string_view shown) {
  std::string html;
  for (char c : shown) {
    switch (c) {
      case '&':
        html += "&amp;";
        break;
      case '<':
        html += "&lt;";
        break;
      case '>':
        html += "&gt;";
        break;
      case '"':
        html += "&quot;";
        break;
      case '\'':
        html += "&#39;";
        break;
      default:
        html += c;
    }
  }
  return html;
}

constexpr size_t kLongCell = 40;  // bytes, from which a cell has several lines

std::string cell(const HtmlCell& cell, bool first) {
  const std::string tag = first ? "th" : "td";
  const char* kind = cell.number                    ? " class=\"n\""
                     : cell.html.size() > kLongCell ? " class=\"long\""
                                                    : "";
  return "<" + tag + (first ? " scope=\"row\"" : "") + kind + ">" + cell.html + "</" + tag + ">";
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string html;
  while (true) {
    const auto end = text.find_first_of("\n\t");
    html += escaped(luxtorch::detail::shown_text(text.substr(0, end)));
    if (end == text.npos) return html;
    html += text[end];
    text.remove_prefix(end + 1);
  }
}

std::string html_count(int64_t count) {
  std::string html;
  for (char c : luxtorch::grouped(count)) html += c == '_' ? "\u202f" : std::string(1, c);
  return html;
}

std::string html_table(const std::vector<std::string>& head,
                       const std::vector<std::vector<HtmlCell>>& rows,
                       const std::vector<HtmlCell>& foot) {
  std::string html = "<div class=\"scroll\" tabindex=\"0\"><table>\n<thead><tr>";
  for (size_t i = 0; i < head.size(); ++i) {
    const bool number = !rows.empty() && i < rows[0].size() && rows[0][i].number;
    html += std::string("<th scope=\"col\"") + (number ? " class=\"n\">" : ">") +
            html_text(head[i]) + "</th>";
  }
  html += "</tr></thead>\n<tbody>\n";
  auto line = [&](const std::vector<HtmlCell>& row) {
    html += "<tr>";
    for (size_t i = 0; i < row.size(); ++i) html += cell(row[i], i == 0);
    html += "</tr>\n";
  };
  for (const auto& row : rows) line(row);
  html += "</tbody>\n";
  if (!foot.empty()) {
    html += "<tfoot>\n";
    line(foot);
    html += "</tfoot>\n";
  }
  return html + "</table></div>\n";
}

std::string html_pairs(const std::vector<std::pair<std::string, std::string>>& pairs) {
  if (pairs.empty()) return "";
  std::string html = "<dl>\n";
  for (const auto& [name, value] : pairs)
    html += "<div><dt>" + html_text(name) + "</dt><dd>" + value + "</dd></div>\n";
  return html + "</dl>\n";
}

std::string html_details(std::string_view title, const std::string& html, bool open) {
  return std::string("<details") + (open ? " open=\"open\"" : "") + "><summary>" +
         html_text(title) + "</summary>\n" + html + "</details>\n";
}
