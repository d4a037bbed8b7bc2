// Object headers, versions 1 and 2.
#include <algorithm>
#include <optional>
#include <set>

#include "io/base/fault.h"
#include "io/hdf5/file.h"
#include "io/hdf5/links.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint8_t kShared = 2;         // message flag: the body is a reference
constexpr uint8_t kFailIfUnknown = 8;  // message flag
constexpr size_t kMaxChunks = 4096;

struct Chunks {
  unsigned version;
  unsigned message_header;     // bytes before a message's body
  std::vector<Bytes> pending;  // the parts that hold messages
};

Chunks first_chunk_1(Bytes start) {
  uint32_t size = start.get<uint32_t>(8);
  return {1, 8, {start.sub(16, size)}};
}

Chunks first_chunk_2(Bytes start) {
  Cursor in(start);
  in.skip(4);
  unsigned version = in.u8();
  if (version != 2) io::damaged("an object header of version 2", std::to_string(version));
  unsigned flags = in.u8();
  if ((flags & 0x20U) != 0) in.skip(16);  // times
  if ((flags & 0x10U) != 0) in.skip(4);   // attribute phase change
  uint64_t size = in.sized(1U << (flags & 3U));
  uint64_t begin = in.position();
  in.skip(size);
  in.skip(4);
  File::verify_checksum(start.sub(0, in.position()));
  return {2, (flags & 4U) != 0 ? 6U : 4U, {start.sub(begin, size)}};
}

Bytes continuation(const File& file, Bytes body, unsigned version) {
  Bytes chunk = file.block(body.get<uint64_t>(0), body.get<uint64_t>(8));
  if (version == 1) return chunk;
  if (!chunk.starts_with("OCHK") || chunk.size() < 8)
    io::damaged("the continuation of an object header", "no OCHK signature");
  File::verify_checksum(chunk);
  return chunk.sub(4, chunk.size() - 8);
}

// In which heap and tree a large group's links are, if they are.
std::optional<std::pair<uint64_t, uint64_t>> dense_storage(Bytes link_info) {
  Cursor in(link_info);
  in.skip(1);
  unsigned flags = in.u8();
  if ((flags & 1U) != 0) in.skip(8);
  uint64_t heap = in.u64();
  uint64_t btree = in.u64();
  if (heap == UINT64_MAX) return {};
  return std::pair(heap, btree);
}

Bytes fill_value(Bytes message) {
  Cursor in(message);
  unsigned version = in.u8();
  bool defined = true;
  if (version == 3) {
    defined = (in.u8() & 0x20U) != 0;
  } else {
    in.skip(2);
    defined = in.u8() != 0 || version == 1;
  }
  if (!defined) return {};
  uint32_t size = in.u32();
  return size == UINT32_MAX ? Bytes() : in.take(size);  // -1: undefined
}

}  // namespace

const Attribute* Object::attribute(std::string_view name) const {
  auto found = std::find_if(attributes.begin(), attributes.end(),
                            [&](const Attribute& a) { return a.name == name; });
  if (found == attributes.end()) return nullptr;
  if (found->problem) throw *found->problem;
  return &*found;
}

std::vector<Message> File::messages(uint64_t address) const {
  Bytes start = at(address);
  bool is_new = start.starts_with("OHDR");
  if (!is_new && (start.size() == 0 || start.data()[0] != 1))
    io::damaged("an object header at address " + std::to_string(address), "something else");
  Chunks chunks = is_new ? first_chunk_2(start) : first_chunk_1(start);
  std::vector<Message> messages;
  std::set<const uint8_t*> seen;
  for (size_t i = 0; i < chunks.pending.size(); ++i) {
    Bytes chunk = chunks.pending[i];
    if (i >= kMaxChunks || !seen.insert(chunk.data()).second)
      io::damaged("an object header that ends", "chunks that go in a circle");
    spend(chunk.size());
    Cursor in(chunk);
    while (in.remaining() >= chunks.message_header) {
      Message message;
      message.type = chunks.version == 1 ? in.u16() : in.u8();
      uint16_t size = in.u16();
      message.flags = in.u8();
      in.skip(chunks.version == 1 ? 3 : chunks.message_header - 4);
      message.body = in.take(size);
      if (chunks.version == 1) in.skip(std::min<uint64_t>((8 - size % 8) % 8, in.remaining()));
      if (message.type == Message::kContinuation)
        chunks.pending.push_back(continuation(*this, message.body, chunks.version));
      else
        messages.push_back(message);
    }
  }
  return messages;
}

Object File::object(uint64_t address) const {
  Object object;
  std::vector<Link> links;
  auto add_links = [&](const std::vector<Link>& more) {
    object.is_group = true;
    links.insert(links.end(), more.begin(), more.end());
  };
  for (const Message& message : messages(address)) {
    switch (message.type) {
      case Message::kDataspace:
        object.space = Dataspace::parse(message.body);
        break;
      case Message::kDatatype:
        object.type = TypeReference::parse(message.body, (message.flags & kShared) != 0);
        break;
      case Message::kLayout:
        object.layout = Layout::parse(message.body);
        break;
      case Message::kFilters:
        object.filters = Filter::parse_pipeline(message.body);
        break;
      case Message::kAttribute:
        object.attributes.push_back(Attribute::parse(message.body));
        break;
      case Message::kLink:
        add_links({parse_link(message.body)});
        break;
      case Message::kLinkInfo:
        object.is_group = true;
        object.keeps_order = (message.body.get<uint8_t>(1) & 1U) != 0;
        if (auto dense = dense_storage(message.body))
          add_links(dense_links(*this, dense->first, dense->second));
        break;
      case Message::kExternalFiles:
        io::unsupported("a dataset whose elements are in the file itself", "one in other files");
      case Message::kSymbolTable:
        add_links(symbol_table_links(*this, message.body.get<uint64_t>(0),
                                     message.body.get<uint64_t>(8)));
        break;
      case Message::kOldFillValue:
        if (object.fill.size() == 0)
          object.fill = message.body.sub(4, message.body.get<uint32_t>(0));
        break;
      case Message::kFillValue:
        object.fill = fill_value(message.body);
        break;
      case Message::kGroupInfo:
        object.is_group = true;
        break;
      default:
        // Known types are below 0x19; of those only the ones above matter here.
        if (message.type > 0x18 && (message.flags & kFailIfUnknown) != 0)
          io::unsupported("known object header messages",
                          "message type " + std::to_string(message.type));
    }
  }
  if (object.keeps_order)
    std::ranges::stable_sort(links, {}, [](const Link& link) { return link.created; });
  object.links = std::move(links);
  return object;
}

}  // namespace luxtorch::hdf5
