// Object headers, versions 1 and 2.
#include <algorithm>
#include <set>

#include "io/hdf5/fault.h"
#include "io/hdf5/file.h"

namespace luxtorch::hdf5 {
namespace {

constexpr uint8_t kShared = 2;         // message flag: the body is a reference
constexpr uint8_t kFailIfUnknown = 8;  // message flag
constexpr size_t kMaxChunks = 4096;

// Version 2 chunks end with a checksum over everything before it.
void verify_checksum(Bytes chunk) {
  uint64_t covered = chunk.size() - 4;
  if (lookup3(chunk.sub(0, covered)) != chunk.get<uint32_t>(covered))
    damaged("an object header with its own checksum", "another checksum");
}

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
  if (version != 2) damaged("an object header of version 2", std::to_string(version));
  unsigned flags = in.u8();
  if ((flags & 0x20U) != 0) in.skip(16);  // times
  if ((flags & 0x10U) != 0) in.skip(4);   // attribute phase change
  uint64_t size = in.sized(1U << (flags & 3U));
  uint64_t begin = in.position();
  in.skip(size);
  in.skip(4);
  verify_checksum(start.sub(0, in.position()));
  return {2, (flags & 4U) != 0 ? 6U : 4U, {start.sub(begin, size)}};
}

Bytes continuation(const File& file, Bytes body, unsigned version) {
  Bytes chunk = file.block(body.get<uint64_t>(0), body.get<uint64_t>(8));
  if (version == 1) return chunk;
  if (!chunk.starts_with("OCHK") || chunk.size() < 8)
    damaged("the continuation of an object header", "no OCHK signature");
  verify_checksum(chunk);
  return chunk.sub(4, chunk.size() - 8);
}

std::pair<std::string, uint64_t> parse_link(Bytes body) {
  Cursor in(body);
  unsigned version = in.u8();
  unsigned flags = in.u8();
  if (version != 1) unsupported("a link of version 1", std::to_string(version));
  unsigned kind = (flags & 8U) != 0 ? in.u8() : 0;
  if ((flags & 4U) != 0) in.skip(8);   // creation order
  if ((flags & 16U) != 0) in.skip(1);  // character set
  uint64_t length = in.sized(1U << (flags & 3U));
  std::string name = in.take(length).text();
  if (kind != 0) unsupported("hard links", "a soft or external link named " + name);
  return {std::move(name), in.u64()};
}

void require_compact_links(Bytes body) {
  Cursor in(body);
  in.skip(1);
  unsigned flags = in.u8();
  if ((flags & 1U) != 0) in.skip(8);
  if (in.u64() != UINT64_MAX)
    unsupported("a group written by JLD2", "a group with links in a fractal heap");
}

}  // namespace

const Attribute* Object::attribute(std::string_view name) const {
  auto found = std::find_if(attributes.begin(), attributes.end(),
                            [&](const Attribute& a) { return a.name == name; });
  return found == attributes.end() ? nullptr : &*found;
}

std::vector<Message> File::messages(uint64_t address) const {
  Bytes start = at(address);
  bool is_new = start.starts_with("OHDR");
  if (!is_new && (start.size() == 0 || start.data()[0] != 1))
    damaged("an object header at address " + std::to_string(address), "something else");
  Chunks chunks = is_new ? first_chunk_2(start) : first_chunk_1(start);
  std::vector<Message> messages;
  std::set<const uint8_t*> seen;
  for (size_t i = 0; i < chunks.pending.size(); ++i) {
    Bytes chunk = chunks.pending[i];
    if (i >= kMaxChunks || !seen.insert(chunk.data()).second)
      damaged("an object header that ends", "chunks that go in a circle");
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
        object.links.push_back(parse_link(message.body));
        object.is_group = true;
        break;
      case Message::kLinkInfo:
        require_compact_links(message.body);
        object.is_group = true;
        break;
      case Message::kSymbolTable:
        unsupported("a group written by JLD2", "a group with an old-style symbol table");
      case Message::kGroupInfo:
        object.is_group = true;
        break;
      default:
        // Known types are below 0x19; of those only the ones above matter here.
        if (message.type > 0x18 && (message.flags & kFailIfUnknown) != 0)
          unsupported("known object header messages",
                      "message type " + std::to_string(message.type));
    }
  }
  return object;
}

}  // namespace luxtorch::hdf5
