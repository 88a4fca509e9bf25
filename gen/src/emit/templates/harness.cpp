// Drives the accelerator through its host port. SPDX-License-Identifier: MIT OR Apache-2.0
//
//   accelerator FILE...   carries out the transactions in the files; exit status 0 if every word that was read is the
//                         expected one, 1 if not, 2 if it could not be told
//   accelerator --serve   carries out requests from standard input until that ends
//
// Which simulator runs is a matter of simulator.h.

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "regions.h"
#include "simulator.h"
#include "words.h"

namespace {

enum class Result : uint32_t {
  kDone = 0,
  kNoAnswer = 1,  // the host port gave no ready
  kNoEnd = 2,     // the program ran beyond the limit of cycles
  kUnknown = 3,   // no such request
};

// The longest read takes about a hundred cycles: behind posted writes, through all columns of the accumulators.
constexpr int kAnswerLimit = 10000;
constexpr uint64_t kProgramLimit = uint64_t{1} << 32;

class Host {
 public:
  Host() { Reset(); }

  void Reset() {
    simulator_.Request(false, false, 0, 0);
    simulator_.Reset(true);
    Run(4);
    simulator_.Reset(false);
  }

  void Run(uint64_t cycles) {
    for (uint64_t i = 0; i < cycles; ++i) {
      simulator_.Low();
      Edge();
    }
  }

  Result Write(uint32_t address, uint32_t data) { return Access(true, address, data, nullptr); }
  Result Read(uint32_t address, uint32_t* data) { return Access(false, address, 0, data); }

  // Until the accelerator does not run.
  Result Wait(uint64_t limit) {
    for (const uint64_t start = cycles_; cycles_ - start < limit;) {
      uint32_t status = 0;
      if (const Result result = Read(kStatusAddress, &status); result != Result::kDone) return result;
      if ((status & kStatusRunning) == 0) return Result::kDone;
    }
    return Result::kNoEnd;
  }

  uint64_t cycles() const { return cycles_; }

 private:
  // A request holds until ready; the data of a read stand in that cycle.
  Result Access(bool write, uint32_t address, uint32_t data, uint32_t* out) {
    simulator_.Request(true, write, address, data);
    for (int i = 0; i < kAnswerLimit; ++i) {
      simulator_.Low();
      const bool ready = simulator_.Ready();
      if (ready && out != nullptr) *out = simulator_.Data();
      Edge();
      if (ready) {
        simulator_.Request(false, false, 0, 0);
        return Result::kDone;
      }
    }
    simulator_.Request(false, false, 0, 0);
    return Result::kNoAnswer;
  }

  void Edge() {
    simulator_.High();
    ++cycles_;
  }

  Simulator simulator_;
  uint64_t cycles_ = 0;
};

// Replay of files.

struct Tally {
  uint64_t equal = 0;
  uint64_t different = 0;
};

// A line is a comment, or two hexadecimal digits of an operation, six of an address, `_`, eight of data.
bool Replay(Host& host, const char* path, Tally& tally) {
  FILE* file = std::fopen(path, "r");
  if (file == nullptr) {
    std::fprintf(stderr, "%s: cannot be read\n", path);
    return false;
  }
  char line[256];
  bool good = true;
  for (unsigned number = 1; good && std::fgets(line, sizeof line, file) != nullptr; ++number) {
    if (line[0] == '/' || line[0] == '\n') continue;
    unsigned operation = 0;
    uint32_t address = 0;
    uint32_t data = 0;
    if (std::sscanf(line, "%2x%6" SCNx32 "_%8" SCNx32, &operation, &address, &data) != 3) {
      std::fprintf(stderr, "%s:%u: not a transaction: %s", path, number, line);
      good = false;
      break;
    }
    Result result = Result::kUnknown;
    uint32_t read = 0;
    switch (operation) {
      case kTransactionWrite:
        result = host.Write(address, data);
        break;
      case kTransactionRead:
        result = host.Read(address, &read);
        if (result == Result::kDone && read == data) {
          ++tally.equal;
        } else if (result == Result::kDone && tally.different++ == 0) {
          std::printf("%s:%u: first difference: %s, word %" PRIu32 ": expected 0x%08" PRIx32 ", read 0x%08" PRIx32
                      ", cycle %" PRIu64 "\n",
                      path, number, RegionName(address), address & kWordMask, data, read, host.cycles());
        }
        break;
      case kTransactionWait:
        result = host.Wait(kProgramLimit);
        break;
      default:
        break;
    }
    if (result == Result::kDone) continue;
    const char* const reasons[] = {"", "the host port does not answer", "the program does not end",
                                   "no such transaction"};
    std::fprintf(stderr, "%s:%u: %s\n", path, number, reasons[static_cast<unsigned>(result)]);
    good = false;
  }
  std::fclose(file);
  return good;
}

int ReplayAll(const std::vector<const char*>& paths) {
  Host host;
  Tally tally;
  for (const char* path : paths) {
    if (!Replay(host, path, tally)) return 2;
  }
  const uint64_t all = tally.equal + tally.different;
  if (all == 0) {
    std::fprintf(stderr, "nothing was compared\n");
    return 2;
  }
  if (tally.different != 0) {
    std::printf("FAIL: %" PRIu64 " of %" PRIu64 " words differ\n", tally.different, all);
    return 1;
  }
  std::printf("PASS: %" PRIu64 " words equal after %" PRIu64 " cycles\n", all, host.cycles());
  return 0;
}

// Service on standard input and output.

enum : uint32_t { kWrite = 1, kRead = 2, kWait = 3, kCycles = 4, kRun = 5, kReset = 6 };

int Serve() {
  Host host;
  Put(kHello);
  std::fflush(stdout);
  uint32_t request[3];
  std::vector<uint32_t> words;
  while (Get(request, 3)) {
    const uint64_t number = uint64_t{request[2]} << 32 | request[1];
    Result result = Result::kDone;
    words.clear();
    switch (request[0]) {
      case kWrite:
        // All of it is taken, even behind a failure: the next request begins after it.
        for (uint32_t i = 0; i < request[1]; ++i) {
          uint32_t pair[2];
          if (!Get(pair, 2)) return 2;
          if (result == Result::kDone) result = host.Write(pair[0], pair[1]);
        }
        break;
      case kRead:
        for (uint32_t i = 0; i < request[2] && result == Result::kDone; ++i) {
          words.push_back(0);
          result = host.Read(request[1] + i, &words.back());
        }
        break;
      case kWait:
        result = host.Wait(number);
        break;
      case kCycles:
        words = {static_cast<uint32_t>(host.cycles()), static_cast<uint32_t>(host.cycles() >> 32)};
        break;
      case kRun:
        host.Run(number);
        break;
      case kReset:
        host.Reset();
        break;
      default:
        result = Result::kUnknown;
        break;
    }
    Put(static_cast<uint32_t>(result));
    if (result == Result::kDone) {
      for (const uint32_t word : words) Put(word);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--serve") == 0) return Serve();
  if (argc >= 2) return ReplayAll(std::vector<const char*>(argv + 1, argv + argc));
  std::fprintf(stderr, "usage: %s FILE... | --serve\n", argv[0]);
  return 2;
}
