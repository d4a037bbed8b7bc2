// Torch's forward-mode rules that give wrong numbers, and which of them a function meets.
#pragma once

#include <ATen/record_function.h>

namespace luxtorch::detail {

/// What is wrong with the forward mode of the operators that ran: nothing; its own derivatives, since the rule takes
/// something that depends on x for a constant; the first derivative already; its own derivatives, and those of the reverse
/// mode that would stand in for it, too.
enum class ForwardRules { Right, WrongTwice, Wrong, RefusedTwice };

/// Notices, in this thread and as long as it lives, the operators whose rules are wrong.
class ForwardRulesMet {
 public:
  ForwardRulesMet();
  ~ForwardRulesMet();
  ForwardRulesMet(const ForwardRulesMet&) = delete;
  ForwardRulesMet& operator=(const ForwardRulesMet&) = delete;

  /// The worst since this was made.
  ForwardRules worst() const;

 private:
  at::RecordFunctionGuard recording_{true};
  at::CallbackHandle handle_;
  ForwardRules before_;
};

}  // namespace luxtorch::detail
