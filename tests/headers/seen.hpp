// What each translation unit of this program sees of the library's one-of-a-kind objects.
#pragma once

#include <system_error>

struct seen {
  const std::error_category* errors;
  const std::error_category* ends;
};

seen seen_from_first();
seen seen_from_second();
