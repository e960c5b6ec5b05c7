/* Compiles SPIR-V of compute shaders with Mesa's RADV for an AMD GPU that need not be there, and prints what the driver
 * says of the machine code: its statistics and its text. Robust access is on, as browsers have it.
 *
 *   RADV_FORCE_FAMILY=navi21 compile FILE BUFFERS ENTRY …     BUFFERS: a letter a binding, s(torage) or u(niform)
 *
 * Prints for each file a line `shader FILE`, a line `statistic NAME=VALUE` each, and the text behind a line `code`.
 * Assumes the limits of the command line and of the driver only: whatever fails ends the program with a message. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vulkan/vulkan.h>

static void fail(const char *what, int code) {
  fprintf(stderr, "%s: %d\n", what, code);
  exit(1);
}

#define CHECK(call)                                                                                                    \
  do {                                                                                                                 \
    VkResult result = (call);                                                                                          \
    if (result != VK_SUCCESS) fail(#call, result);                                                                     \
  } while (0)

#define MOST_BINDINGS 16

static VkDevice openDevice(void) {
  VkApplicationInfo application = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO, .apiVersion = VK_API_VERSION_1_3};
  VkInstanceCreateInfo instanceInfo = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &application};
  VkInstance instance;
  CHECK(vkCreateInstance(&instanceInfo, NULL, &instance));
  uint32_t count = 1;
  VkPhysicalDevice physical;
  VkResult found = vkEnumeratePhysicalDevices(instance, &count, &physical);
  if (count != 1) fail("no device", found);
  VkPhysicalDeviceProperties properties;
  vkGetPhysicalDeviceProperties(physical, &properties);
  printf("device %s\n", properties.deviceName);

  VkPhysicalDeviceRobustness2FeaturesEXT robustness = {.sType =
                                                           VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_ROBUSTNESS_2_FEATURES_EXT};
  VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executables = {
      .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR, .pNext = &robustness};
  VkPhysicalDeviceVulkan13Features features13 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_3_FEATURES,
                                                 .pNext = &executables};
  VkPhysicalDeviceVulkan12Features features12 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
                                                 .pNext = &features13};
  VkPhysicalDeviceVulkan11Features features11 = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
                                                 .pNext = &features12};
  /* All that the driver has is switched on. */
  VkPhysicalDeviceFeatures2 features = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2, .pNext = &features11};
  vkGetPhysicalDeviceFeatures2(physical, &features);
  float priority = 1;
  VkDeviceQueueCreateInfo queue = {.sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
                                   .queueCount = 1,
                                   .pQueuePriorities = &priority};
  const char *extensions[] = {VK_EXT_ROBUSTNESS_2_EXTENSION_NAME, VK_KHR_PIPELINE_EXECUTABLE_PROPERTIES_EXTENSION_NAME};
  VkDeviceCreateInfo deviceInfo = {.sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
                                   .pNext = &features,
                                   .queueCreateInfoCount = 1,
                                   .pQueueCreateInfos = &queue,
                                   .enabledExtensionCount = 2,
                                   .ppEnabledExtensionNames = extensions};
  VkDevice device;
  CHECK(vkCreateDevice(physical, &deviceInfo, NULL, &device));
  return device;
}

static VkShaderModule readModule(VkDevice device, const char *path) {
  FILE *file = fopen(path, "rb");
  if (!file) fail(path, 0);
  fseek(file, 0, SEEK_END);
  long size = ftell(file);
  rewind(file);
  uint32_t *words = malloc(size);
  if (!words || fread(words, 1, size, file) != (size_t)size) fail(path, 0);
  fclose(file);
  VkShaderModuleCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO, .codeSize = size, .pCode = words};
  VkShaderModule module;
  CHECK(vkCreateShaderModule(device, &info, NULL, &module));
  free(words);
  return module;
}

static VkPipelineLayout makeLayout(VkDevice device, const char *buffers) {
  VkDescriptorSetLayoutBinding bindings[MOST_BINDINGS];
  uint32_t count = strlen(buffers);
  if (count > MOST_BINDINGS) fail("too many bindings", count);
  for (uint32_t at = 0; at < count; at++)
    bindings[at] = (VkDescriptorSetLayoutBinding){
        .binding = at,
        .descriptorType =
            buffers[at] == 'u' ? VK_DESCRIPTOR_TYPE_UNIFORM_BUFFER : VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
        .descriptorCount = 1,
        .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT};
  VkDescriptorSetLayoutCreateInfo setInfo = {.sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
                                             .bindingCount = count,
                                             .pBindings = bindings};
  VkDescriptorSetLayout set;
  CHECK(vkCreateDescriptorSetLayout(device, &setInfo, NULL, &set));
  VkPipelineLayoutCreateInfo info = {
      .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO, .setLayoutCount = 1, .pSetLayouts = &set};
  VkPipelineLayout layout;
  CHECK(vkCreatePipelineLayout(device, &info, NULL, &layout));
  return layout;
}

static void printStatistics(VkDevice device, const VkPipelineExecutableInfoKHR *executable) {
  PFN_vkGetPipelineExecutableStatisticsKHR get =
      (PFN_vkGetPipelineExecutableStatisticsKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutableStatisticsKHR");
  uint32_t count = 0;
  CHECK(get(device, executable, &count, NULL));
  VkPipelineExecutableStatisticKHR *all = calloc(count, sizeof *all);
  for (uint32_t at = 0; at < count; at++) all[at].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
  CHECK(get(device, executable, &count, all));
  for (uint32_t at = 0; at < count; at++)
    if (all[at].format == VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_UINT64_KHR)
      printf("statistic %s=%llu\n", all[at].name, (unsigned long long)all[at].value.u64);
  free(all);
}

static void printCode(VkDevice device, const VkPipelineExecutableInfoKHR *executable) {
  PFN_vkGetPipelineExecutableInternalRepresentationsKHR get =
      (PFN_vkGetPipelineExecutableInternalRepresentationsKHR)vkGetDeviceProcAddr(
          device, "vkGetPipelineExecutableInternalRepresentationsKHR");
  uint32_t count = 0;
  CHECK(get(device, executable, &count, NULL));
  VkPipelineExecutableInternalRepresentationKHR *all = calloc(count, sizeof *all);
  for (uint32_t at = 0; at < count; at++)
    all[at].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
  CHECK(get(device, executable, &count, all));
  for (uint32_t at = 0; at < count; at++) all[at].pData = malloc(all[at].dataSize);
  CHECK(get(device, executable, &count, all));
  for (uint32_t at = 0; at < count; at++)
    if (strcmp(all[at].name, "Assembly") == 0) printf("code\n%s\n", (const char *)all[at].pData);
}

int main(int argc, char **argv) {
  VkDevice device = openDevice();
  PFN_vkGetPipelineExecutablePropertiesKHR properties =
      (PFN_vkGetPipelineExecutablePropertiesKHR)vkGetDeviceProcAddr(device, "vkGetPipelineExecutablePropertiesKHR");
  for (int at = 1; at + 2 < argc; at += 3) {
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        .flags = VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR |
                 VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = readModule(device, argv[at]),
                  .pName = argv[at + 2]},
        .layout = makeLayout(device, argv[at + 1])};
    VkPipeline pipeline;
    CHECK(vkCreateComputePipelines(device, VK_NULL_HANDLE, 1, &info, NULL, &pipeline));
    VkPipelineInfoKHR which = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR, .pipeline = pipeline};
    uint32_t count = 1;
    VkPipelineExecutablePropertiesKHR found = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    CHECK(properties(device, &which, &count, &found));
    VkPipelineExecutableInfoKHR executable = {.sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
                                              .pipeline = pipeline};
    printf("shader %s\nstatistic Subgroup size=%u\n", argv[at], found.subgroupSize);
    printStatistics(device, &executable);
    printCode(device, &executable);
  }
  return 0;
}
