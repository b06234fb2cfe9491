// The calling thread's table of file descriptors.
#pragma once

namespace b2bmount {

void CloseDescriptorsFrom(int first);

}  // namespace b2bmount
