// Copies of one module, lent out for a call and for as long as its graph remembers the copy's tensors.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "luxtorch/interop/torch_module.h"

namespace luxtorch::detail {

/// Gives `own` the data of `t` and no history; everybody who holds `own` sees that. A t that a transform
/// wrapped is no such data.
void bind_data(const Tensor& own, const Tensor& t);

/// A copy of the module and its own tensors: the parameters, then the buffers, in the order of ps and st.
struct ModuleCopy {
  ModuleHandle handle;
  std::vector<Tensor> own;
  std::vector<size_t> holders;  // how many handles to each there are between calls
  bool in_call = false;

  ModuleCopy(ModuleHandle h, std::vector<Tensor> tensors);
  /// Does nobody else hold the copy's tensors, no graph above all?
  bool at_rest() const;
};

/// Autograd nodes save the weights that they need as handles to the module's own tensors. So a copy must stay as it was in
/// its call until they have let go of them; then it gets the values between calls back, lets go of ps, and can serve again.
class ModulePool : public std::enable_shared_from_this<ModulePool> {
 public:
  /// make: another copy. values: what the copies' tensors hold between calls.
  ModulePool(std::function<std::unique_ptr<ModuleCopy>()> make, std::vector<Tensor> values);

  struct Bindings {
    std::vector<Tensor> data;        // for each of a copy's tensors
    std::vector<Tensor> parameters;  // whose gradients the first of them stand for
  };

  /// The exclusive use of a copy for one call.
  class Loan {
   public:
    explicit Loan(ModulePool& pool) : pool_(pool), copy_(pool.lend()) {}
    ~Loan() { pool_.end_call(copy_); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    ModuleCopy& operator*() const { return copy_; }
    ModuleCopy* operator->() const { return &copy_; }

    /// Gives the copy's tensors the data and, where a graph is being recorded, the parameters' gradient edges. Returns x, or
    /// with copy_x a copy of it, with its tensors' edges led through the same node, so that it lives as long as whatever the
    /// module records.
    Tree bind(const Bindings& bindings, const Tree& x, bool copy_x);
    /// y, with tensors in the place of the copy's own among them: the parameters that these were bound to, or the buffers.
    Tree release(const Tree& y, const std::vector<Tensor>& parameters,
                 const std::vector<Tensor>& buffers) const;

   private:
    ModulePool& pool_;
    ModuleCopy& copy_;
  };

  /// Takes the copy back if its call is over and its graph gone; does nothing for one that is not lent.
  void reclaim(const ModuleCopy* copy);
  /// How many copies there are.
  size_t size() const;

 private:
  ModuleCopy& lend();
  void end_call(ModuleCopy& copy);

  std::function<std::unique_ptr<ModuleCopy>()> make_;
  std::vector<Tensor> values_;
  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<ModuleCopy>> idle_, lent_;
};

}  // namespace luxtorch::detail
